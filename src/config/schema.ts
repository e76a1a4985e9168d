/**
 * The shape of a configuration file: the source of its TypeScript types, its validation and its JSON Schema.
 *
 * Keys with a default or a flag come from the tables in `keys` and `checks/settings`. `validate` has the rules that a shape
 * cannot express: whether a timeout is below its interval, or a scheme is known.
 */
import * as v from "valibot";
import { CHECK_SETTINGS, INITIAL_STATES, SCHEDULE_SETTINGS, type Setting } from "../checks/settings.js";
import { ENGINE_NAMES } from "../core/engine-name.js";
import { SERVER_TLS_VERSIONS } from "../core/tls-version.js";
import { DIALOGUE } from "./dialogue-schema.js";
import { discoverySchema, HAPROXY_AGENT } from "./discovery-schema.js";
import { FLEET, FLEET_CHECK_KEYS } from "./fleet-schema.js";
import { INSTANCE_KEYS } from "./instance-schema.js";
import { describeSetting, ISOLATION_KEYS, LISTEN_KEYS, TLS_KEYS, TOP_KEYS } from "./keys.js";
import { RECOVERY } from "./recovery-schema.js";
import {
  choice,
  command,
  count,
  duration,
  group,
  isTable,
  kindOf,
  listOf,
  oneOf,
  share,
  shown,
  switchValue,
  table,
  text,
  texts,
  url,
  urlOr,
} from "./schema-parts.js";
import { AUTH, EXPECT, HTTP_2, TARGET_TLS } from "./target-schema.js";
import { WEBHOOKS } from "./webhook-schema.js";

/** The schema of each type of setting. */
const OF_TYPE = {
  duration,
  count,
  share,
  text,
  texts,
  switch: switchValue,
  engine: (description: string) => oneOf(ENGINE_NAMES, description),
  "initial-state": (description: string) => oneOf(INITIAL_STATES, description),
} as const;

/** The optional keys of a table of settings. */
function keysOf<Rows extends Readonly<Record<string, Setting>>>(rows: Rows) {
  const entries = Object.entries(rows).map(([key, row]) => [key, v.optional(OF_TYPE[row.type](describeSetting(row)))]);
  // `Object.fromEntries` forgets which key has which type
  return Object.fromEntries(entries) as {
    readonly [Key in keyof Rows]: v.OptionalSchema<ReturnType<(typeof OF_TYPE)[Rows[Key]["type"]]>, undefined>;
  };
}

const HEARTBEAT = group(
  {
    ttl: duration("The time within which a report must come."),
    token: text("The Bearer token of a report. Take it from ${NAME} or ${file:PATH}."),
  },
  "A passive check: its reports come as POST /heartbeat/CHECK with the token.",
);

const { critical, startup, initialState, services: memberships, group: heading } = CHECK_SETTINGS;

/** The settings of a check that `defaults` does not have. `maxLatency` is part of `expect`. */
const MEMBER_SETTINGS = { critical, startup, initialState, services: memberships, group: heading } as const;

const CHECK = group(
  {
    target: v.optional(url("What is probed, as a URL.")),
    exec: v.optional(command("A program with its arguments, instead of a target. It needs allowExec.")),
    heartbeat: v.optional(HEARTBEAT),
    ...keysOf(SCHEDULE_SETTINGS),
    ...keysOf(MEMBER_SETTINGS),
    ...keysOf({ forgetAfter: CHECK_SETTINGS.forgetAfter }),
    minWorkers: v.optional(
      count("Only flower+http: the minimum number of online workers for the check to pass. Default 1."),
    ),
    expect: v.optional(EXPECT),
    dialogue: v.optional(DIALOGUE),
    reuse: v.optional(switchValue("Whether the connection is kept for the next probe. Default true.")),
    maxConnectionAge: v.optional(duration("A kept connection is replaced after this time. At most 1h. Default 5m.")),
    user: v.optional(text("The user name of the target, as it is: not percent-encoded.")),
    password: v.optional(
      text("The password of the target, as it is: not percent-encoded. Take it from ${NAME} or ${file:PATH}."),
    ),
    headers: v.optional(table(text("value"), "Headers of the request.")),
    method: v.optional(text("Only http: the method of the request. Default GET, or POST with a body.")),
    body: v.optional(
      text("Only http: the body of the request. Its content-type is text/plain, unless headers has another one."),
    ),
    http2: v.optional(
      v.pipe(
        HTTP_2,
        v.description("Only http: HTTP/2 by ALPN (true, for https) or prior-knowledge (without TLS). Default false."),
      ),
    ),
    followRedirects: v.optional(
      oneOf(
        ["same-origin"],
        "Only http: same-origin follows up to 5 redirects to the target's own scheme, host and port. Default: none.",
      ),
    ),
    auth: v.optional(AUTH),
    tls: v.optional(TARGET_TLS),
    authority: v.optional(text("Only gRPC: the :authority of calls. Default: tls.serverName, or the target's.")),
    metadata: v.optional(table(text("value"), "Only gRPC: metadata of calls; base64 for a name that ends with -bin.")),
    ...INSTANCE_KEYS,
    ...FLEET_CHECK_KEYS,
  },
  "A check.",
);

const CHECK_OR_URL = urlOr(CHECK, "check");

const members = (which: string) => texts(`${which}: names of checks and services.`);

const FORMS = "a list, { all: [...] }, { any: [...] } or { quorum: N, of: [...] }";

const SERVICE_FORMS = {
  list: listOf(text("A name."), (input) => `must be ${FORMS}; got ${shown(input)}`),
  all: group({ all: members("Members that must all be healthy") }, "All of them."),
  any: group({ any: members("Members of which one must be healthy") }, "At least one of them."),
  quorum: group(
    { quorum: count("The minimum number of healthy members."), of: members("Members of a quorum") },
    "A minimum number of them.",
  ),
} as const;

const { list, all, any, quorum } = SERVICE_FORMS;

const SERVICE = choice(v.union([list, all, any, quorum]), (input) => {
  if (!isTable(input) || Object.keys(input).length === 0) return list;
  const forms = ["all", "any", Object.hasOwn(input, "quorum") ? "quorum" : "of"].filter((key) =>
    Object.hasOwn(input, key),
  );
  if (forms.length > 1) return v.never(`has ${bothOf(forms)}; a service is ${FORMS}`);
  const [form] = forms;
  if (form === undefined) return NO_FORM;
  return form === "all" ? all : form === "any" ? any : quorum;
});

/** Every key of it is unknown. */
const NO_FORM = group({}, "None of the forms.");

/** Words as a list in a sentence: `both all and any`, `all, any and of`. */
export function bothOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return `${words.length === 2 ? "both " : ""}${words.slice(0, -1).join(", ")} and ${last}`;
}

const ALLOWED_CLIENTS = group(
  {
    dns: v.optional(texts("DNS names: prober.example.org, or *.example.org for each name with one more label.")),
    uri: v.optional(
      texts("URIs. In the path of a SPIFFE ID, * stands for one segment, and ** at the end for one or more."),
    ),
  },
  "Only with clientCaFile: names, of which the certificate of a client must have one. Default: any name.",
);

const { listen: _, ...otherKeys } = keysOf(TOP_KEYS);

const LISTEN_TABLE = group(
  {
    address: text(describeSetting(LISTEN_KEYS.address)),
    proxyProtocol: v.optional(
      group(
        { from: texts(describeSetting(LISTEN_KEYS.from)) },
        "The PROXY protocol, versions 1 and 2: proxies tell the addresses of clients, for logs and limits. A change needs a restart.",
      ),
    ),
  },
  "An address with its settings.",
);

const ADDRESS = text("An address.");

const LISTEN_ENTRY = choice(v.union([ADDRESS, LISTEN_TABLE]), (input) => (isTable(input) ? LISTEN_TABLE : ADDRESS));

const LISTEN_LIST = v.array(LISTEN_ENTRY, ({ input }) => `must be a list of addresses, not ${kindOf(input)}`);

/** One address can stand for a list of one; a table cannot. */
const LISTEN_ALONE = v.pipe(
  ADDRESS,
  v.transform((address): v.InferOutput<typeof LISTEN_LIST> => [address]),
);

const LISTEN_ENTRIES = choice(v.union([LISTEN_LIST, LISTEN_ALONE]), (input) =>
  typeof input === "object" ? LISTEN_LIST : LISTEN_ALONE,
);

const LISTEN = v.pipe(LISTEN_ENTRIES, v.description(describeSetting(TOP_KEYS.listen)));

const DISCOVERY_LISTEN = v.pipe(
  LISTEN_ENTRIES,
  v.description(
    "Addresses, in the forms of listen, with TLS as there; open://ADDR is not allowed. A change needs a restart.",
  ),
);

/** A whole file. */
export const CONFIG_SCHEMA = group(
  {
    listen: v.optional(LISTEN),
    checks: v.optional(table(CHECK_OR_URL, "Checks by name; each is a service of that name.")),
    defaults: v.optional(group(keysOf(SCHEDULE_SETTINGS), "Settings of every check that does not have its own.")),
    services: v.optional(
      table(SERVICE, "Services over checks and other services: a list, { all }, { any } or { quorum, of }."),
    ),
    overall: v.optional(
      texts("The members of the server as a whole. Default: every check and service that is a member of no service."),
    ),
    recovery: v.optional(RECOVERY),
    webhooks: v.optional(WEBHOOKS),
    discovery: v.optional(discoverySchema(DISCOVERY_LISTEN)),
    haproxyAgent: v.optional(HAPROXY_AGENT),
    fleet: v.optional(FLEET),
    isolation: v.optional(
      group(
        { ...keysOf(ISOLATION_KEYS), selfCheck: url(describeSetting(ISOLATION_KEYS.selfCheck)) },
        "When most checks fail at the same time and the self-check fails too, the last statuses are held for a while.",
      ),
    ),
    tls: v.optional(
      group(
        {
          certFile: text(describeSetting(TLS_KEYS.certFile)),
          keyFile: text(describeSetting(TLS_KEYS.keyFile)),
          clientCaFile: v.optional(text(describeSetting(TLS_KEYS.clientCaFile))),
          allowClients: v.optional(ALLOWED_CLIENTS),
          minVersion: v.optional(
            v.pipe(
              v.picklist(SERVER_TLS_VERSIONS, ({ input }) => `must be 1.2 or 1.3; got ${shown(input)}`),
              v.description("The oldest version of TLS: 1.2 or 1.3. Default 1.2."),
            ),
          ),
        },
        "The server's certificate. Adding or removing it needs a restart.",
      ),
    ),
    ...otherKeys,
  },
  "The configuration of healthbridge.",
);

/** A file's content, once its shape is right. */
export type ConfigFile = v.InferOutput<typeof CONFIG_SCHEMA>;

export type CheckEntry = v.InferOutput<typeof CHECK>;

export type ServiceEntry = v.InferOutput<typeof SERVICE>;
