/**
 * The shape of a configuration file: the source of its TypeScript types, its validation and its JSON Schema.
 *
 * Keys with a default or a flag come from the tables in `keys` and `checks/settings`. `validate` has the rules that a shape
 * cannot express: whether a timeout is below its interval, or a scheme is known.
 */
import * as v from "valibot";
import { CHECK_SETTINGS, INITIAL_STATES, SCHEDULE_SETTINGS, type Setting } from "../checks/settings.js";
import { WARN_BEFORE_MS } from "../core/certificate-time.js";
import { formatDuration } from "../core/duration.js";
import { ENGINE_NAMES } from "../core/engine-name.js";
import { TLS_VERSIONS } from "../core/tls-version.js";
import { OAUTH_METHODS } from "../probers/options.js";
import { DIALOGUE } from "./dialogue-schema.js";
import { describeSetting, ISOLATION_KEYS, TLS_KEYS, TOP_KEYS } from "./keys.js";
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
  URL_METADATA,
  url,
} from "./schema-parts.js";

const tlsVersion = (description: string) =>
  v.pipe(
    v.picklist(TLS_VERSIONS, ({ input }) => `must be 1.2 or 1.3, or for old targets 1.0 or 1.1; got ${shown(input)}`),
    v.description(description),
  );

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

const BODY_TEXT = text("Text that the body must contain.");

const BODY_PATTERN = group(
  { matches: text("An RE2 regular expression that the body must match.") },
  "What the body must be.",
);

const EXIT_CODE = count("Only exec: the exit code, or the list of exit codes, that is a warning. Default none.");
const EXIT_CODES = v.array(EXIT_CODE);

const HEADER_VALUE = v.nullable(text("The value that one of the header's values must have; null: no such header."));

const HEADER_PATTERN = group(
  { matches: text("An RE2 regular expression that the header must match.") },
  "What the header must be.",
);

const HEADER = choice(v.union([HEADER_VALUE, HEADER_PATTERN]), (input) =>
  isTable(input) ? HEADER_PATTERN : HEADER_VALUE,
);

const EXPECT = group(
  {
    status: v.optional(
      v.pipe(
        listOf(
          v.union([v.number(), v.string()], "must be a status or a range: 204, 200-299"),
          (input) => `must be a list of statuses and ranges, such as [204, 200-299], not ${kindOf(input)}`,
        ),
        v.description("HTTP statuses and ranges. Default 200-299."),
      ),
    ),
    body: v.optional(
      choice(v.union([BODY_TEXT, BODY_PATTERN]), (input) => (isTable(input) ? BODY_PATTERN : BODY_TEXT)),
    ),
    headers: v.optional(
      table(
        HEADER,
        "Headers of the response, with what each must be: a value, { matches: PATTERN }, or null if it must not be there.",
      ),
    ),
    json: v.optional(
      table(
        v.union([v.string(), v.number(), v.boolean(), v.null()], "must be text, a number, true, false or null"),
        "Values in a JSON body by their path: status, checks.db.ok, items[0].name.",
      ),
    ),
    minVersion: v.optional(tlsVersion("Only tls: the oldest version of TLS that passes, such as 1.3.")),
    warn: v.optional(choice(v.union([EXIT_CODE, EXIT_CODES]), (is) => (Array.isArray(is) ? EXIT_CODES : EXIT_CODE))),
    answers: v.optional(
      v.pipe(
        listOf(
          text("value"),
          (input) => `must be a list of values, such as [10.0.0.1] or ["10 mail.example.com"], not ${kindOf(input)}`,
        ),
        v.description("Values that must be among the answers of a dns target."),
      ),
    ),
    maxLatency: v.optional(duration(describeSetting(CHECK_SETTINGS.maxLatency))),
  },
  "What the answer must be.",
);

const TARGET_TLS = group(
  {
    ca: v.optional(
      oneOf(["system"], "system: trust the CA certificates of the operating system instead of Node's list."),
    ),
    caFile: v.optional(text("Certificates (PEM) that are trusted instead of Node's list: of a CA, or of the target.")),
    certFile: v.optional(text("The client certificate (PEM), for targets that ask for one.")),
    keyFile: v.optional(text("The key of the client certificate (PEM).")),
    serverName: v.optional(text("The name that the target's certificate must have. Default: the target's host.")),
    minVersion: v.optional(tlsVersion("The oldest version of TLS: 1.0, 1.1, 1.2 or 1.3. Default 1.2.")),
    maxVersion: v.optional(tlsVersion("The newest version of TLS. Default: the newest that Node supports.")),
    verify: v.optional(switchValue("Whether the target's certificate must be valid. Default true.")),
    warnBefore: v.optional(
      duration(
        `A certificate that expires within this time makes the services of the check degraded. Default ${formatDuration(WARN_BEFORE_MS)}.`,
      ),
    ),
  },
  "How to use TLS with the target.",
);

const AUTH = group(
  {
    clientId: text("The client's id."),
    clientSecret: text("The client's secret. Take it from ${NAME} or ${file:PATH}."),
    tokenUrl: url("The token endpoint of the authorization server, as a URL."),
    scopes: v.optional(texts("The scopes of the token.")),
    audience: v.optional(text("The audience of the token, for servers that ask for one.")),
    method: v.optional(
      oneOf(
        OAUTH_METHODS,
        `How the id and the secret are sent: ${OAUTH_METHODS.join(" or ")}. Default ${OAUTH_METHODS[0]}.`,
      ),
    ),
  },
  "Only http: OAuth2 client credentials; requests carry the token that they give.",
);

const HTTP_2 = v.union(
  [v.boolean(), v.literal("prior-knowledge")],
  ({ input }) => `must be true, false or prior-knowledge; got ${shown(input)}`,
);

const HEARTBEAT = group(
  {
    ttl: duration("The time within which a report must come."),
    token: text("The Bearer token of a report. Take it from ${NAME} or ${file:PATH}."),
  },
  "A passive check: its reports come as POST /heartbeat/<check> with the token.",
);

const { critical, startup, initialState, services } = CHECK_SETTINGS;

/** The settings of a check that `defaults` does not have. `maxLatency` is part of `expect`. */
const MEMBER_SETTINGS = { critical, startup, initialState, services } as const;

const CHECK = group(
  {
    target: v.optional(url("What is probed, as a URL.")),
    exec: v.optional(command("A program with its arguments, in place of a target. It needs allowExec.")),
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
  },
  "A check.",
);

const URL_ALONE = v.pipe(
  v.string(({ input }) => `must be a URL or a table; got ${shown(input)}`),
  v.nonEmpty("must not be empty"),
  v.description("A URL is a whole check."),
  v.metadata(URL_METADATA),
);

const CHECK_OR_URL = choice(v.union([URL_ALONE, CHECK]), (input) => (isTable(input) ? CHECK : URL_ALONE));

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

const { listen, ...otherKeys } = keysOf(TOP_KEYS);

/** A whole file. */
export const CONFIG_SCHEMA = group(
  {
    listen,
    checks: v.optional(table(CHECK_OR_URL, "Checks by name; each is a service of that name.")),
    defaults: v.optional(group(keysOf(SCHEDULE_SETTINGS), "Settings of every check that does not have its own.")),
    services: v.optional(
      table(SERVICE, "Services over checks and other services: a list, { all }, { any } or { quorum, of }."),
    ),
    overall: v.optional(
      texts("The members of the server as a whole. Default: every check and service that is a member of no service."),
    ),
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

/** A check of it. */
export type CheckEntry = v.InferOutput<typeof CHECK>;

/** A service of it. */
export type ServiceEntry = v.InferOutput<typeof SERVICE>;
