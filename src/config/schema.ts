/**
 * What a configuration file may hold: the one source of its types, its validation, its JSON Schema and its docs table.
 *
 * The words are those of the library's options. What a value means beyond its shape (is the timeout below the interval,
 * is the target's scheme known) is judged in `meaning`.
 */
import * as v from "valibot";
import { isDuration } from "../core/duration.js";
import { ENGINE_NAMES } from "../core/engine-name.js";

const duration = (description: string) =>
  v.pipe(
    v.string(({ input }) => notADuration(input)),
    v.regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/, ({ input }) => notADuration(input)),
    v.check(isDuration, ({ input }) => notADuration(input)),
    v.description(description),
  );

function notADuration(input: unknown): string {
  if (typeof input === "number") return `${input} has no unit (try ${input}s, 500ms, 1m)`;
  return `${shown(input)} is not a duration (try 5s, 500ms, 1m)`;
}

const text = (description: string) =>
  v.pipe(
    v.string(({ input }) => `must be text, not ${kindOf(input)}`),
    v.nonEmpty("must not be empty"),
    v.description(description),
  );

const texts = (description: string) =>
  v.pipe(
    v.array(text("one"), ({ input }) => `must be a list of texts, not ${kindOf(input)}`),
    v.description(description),
  );

const flag = (description: string) =>
  v.pipe(
    v.boolean(({ input }) => `must be true or false; got ${shown(input)}`),
    v.description(description),
  );

const oneOf = <const Word extends string>(words: readonly Word[], description: string) =>
  v.pipe(
    v.picklist(words, ({ input }) => `must be ${words.join(" or ")}; got ${shown(input)}`),
    v.description(description),
  );

const count = (description: string) =>
  v.pipe(
    v.number(({ input }) => `must be a whole number from 1 on; got ${shown(input)}`),
    v.integer(({ input }) => `must be a whole number from 1 on; got ${shown(input)}`),
    v.minValue(1, ({ input }) => `must be a whole number from 1 on; got ${shown(input)}`),
    v.description(description),
  );

const share = (description: string) =>
  v.pipe(
    v.number(({ input }) => `must be a share from 0 to 1; got ${shown(input)}`),
    v.minValue(0, ({ input }) => `must be a share from 0 to 1; got ${shown(input)}`),
    v.maxValue(1, ({ input }) => `must be a share from 0 to 1; got ${shown(input)}`),
    v.description(description),
  );

/** One of several kinds of value: `pick` tells by a value which kind was meant, so that its faults are told, not the others'. */
const choice = <Union extends v.GenericSchema>(union: Union, pick: (input: unknown) => v.GenericSchema) =>
  // what is picked is one of the union's, and with nothing to judge (the JSON Schema is asked for) it is the union
  v.lazy((input) => (input === undefined ? union : pick(input)) as Union);

/** To JavaScript, a list is a table of its places: here it is a mistake. */
const noList = <Schema extends v.GenericSchema>(schema: Schema) => {
  const refusal = v.never(({ input }) => `must be a table, not ${kindOf(input)}`);
  return choice(schema, (input) => (Array.isArray(input) ? refusal : schema));
};

const table = <Value extends v.GenericSchema>(value: Value, description: string) =>
  noList(
    v.pipe(
      v.record(v.string(), value, ({ input }) => `must be a table of names, not ${kindOf(input)}`),
      v.description(description),
    ),
  );

const group = <Entries extends v.ObjectEntries>(entries: Entries, description: string) =>
  noList(
    v.pipe(
      v.strictObject(entries, ({ input }) => `must be a table, not ${kindOf(input)}`),
      v.description(description),
    ),
  );

/** The schedule of a check. */
const SCHEDULE = {
  interval: v.optional(duration("From the start of one probe to the start of the next. Default 10s.")),
  timeout: v.optional(duration("One deadline over DNS, connect, TLS and answer; below interval. Default 2s.")),
  initialDelay: v.optional(duration("Before the first probe. Default 0s.")),
  jitter: v.optional(share("How far an interval varies, as a share of it. Default 0.1.")),
  unhealthyThreshold: v.optional(count("Failures in a row that turn passing to failing. Default 3.")),
  healthyThreshold: v.optional(count("Passes in a row that turn failing to passing. Default 2.")),
  edgeInterval: v.optional(duration("The interval while a threshold is counted. Default 2s, or interval if shorter.")),
  unhealthyInterval: v.optional(duration("The interval while failing. Default interval.")),
  staleAfter: v.optional(
    duration("With no result for so long the check is pending. Default max(3 x interval + timeout, 30s)."),
  ),
};

const BODY_TEXT = text("Text that the body holds.");

const BODY_PATTERN = group({ matches: text("A pattern that the body must match.") }, "What the body must be.");

const EXPECT = group(
  {
    status: v.optional(
      v.pipe(
        v.array(v.union([v.number(), v.string()], "must be a status or a range: 204, 200-299")),
        v.description("HTTP statuses and ranges. Default 200-299."),
      ),
    ),
    body: v.optional(
      choice(v.union([BODY_TEXT, BODY_PATTERN]), (input) => (isTable(input) ? BODY_PATTERN : BODY_TEXT)),
    ),
    headers: v.optional(table(text("value"), "Headers of the answer and their values.")),
    json: v.optional(
      table(
        v.union([v.string(), v.number(), v.boolean(), v.null()], "must be text, a number, true, false or null"),
        "Values in a JSON body by path: status, checks.db.ok, items[0].name.",
      ),
    ),
    maxLatency: v.optional(duration("A pass that takes longer is degraded. Default: none is.")),
  },
  "What the answer must be.",
);

const TARGET_TLS = group(
  {
    caFile: v.optional(text("Authorities (PEM) that are trusted instead of the system's.")),
    certFile: v.optional(text("Our certificate (PEM), for targets that ask for one.")),
    keyFile: v.optional(text("Its key (PEM).")),
    serverName: v.optional(text("The name that the certificate must have. Default: the target's host.")),
    verify: v.optional(flag("Whether the certificate must be good. Default true.")),
    warnBefore: v.optional(duration("A certificate that ends so soon is degraded. Default 336h (14 days).")),
  },
  "How TLS is spoken with the target.",
);

const HEARTBEAT = group(
  {
    ttl: duration("Somebody must report within this time."),
    token: text("What the reporter must show, as Bearer token: take it from ${NAME} or ${file:PATH}."),
  },
  "A passive check: POST /heartbeat/<check> with its token reports.",
);

const CHECK = group(
  {
    target: v.optional(text("What is probed, as a URL.")),
    exec: v.optional(texts("A program with its arguments, in place of a target. It needs allowExec.")),
    heartbeat: v.optional(HEARTBEAT),
    ...SCHEDULE,
    critical: v.optional(flag("Whether a failure makes its services NOT_SERVING, or degraded only. Default true.")),
    services: v.optional(texts("Services that the check counts for, beside its own name.")),
    expect: v.optional(EXPECT),
    reuse: v.optional(flag("Keep the connection for the next probe. Default true.")),
    headers: v.optional(table(text("value"), "Headers of the request.")),
    tls: v.optional(TARGET_TLS),
  },
  "A check.",
);

const URL_ALONE = v.pipe(
  v.string(({ input }) => `must be a URL or a table; got ${shown(input)}`),
  v.nonEmpty("must not be empty"),
  v.description("A URL is a whole check."),
);

const CHECK_OR_URL = choice(v.union([URL_ALONE, CHECK]), (input) => (isTable(input) ? CHECK : URL_ALONE));

const MEMBERS = texts("Names of checks and services.");

const SERVICE_FORMS = {
  list: v.array(
    text("A name."),
    ({ input }) => `must be a list, { all: [...] }, { any: [...] } or { quorum: N, of: [...] }; got ${shown(input)}`,
  ),
  all: group({ all: MEMBERS }, "All of them."),
  any: group({ any: MEMBERS }, "One of them at least."),
  quorum: group({ quorum: count("So many of them at least."), of: MEMBERS }, "So many of them."),
};

const { list, all, any, quorum } = SERVICE_FORMS;

const SERVICE = choice(v.union([list, all, any, quorum]), (input) => {
  if (!isTable(input)) return list;
  if (Object.hasOwn(input, "any")) return any;
  return Object.hasOwn(input, "quorum") || Object.hasOwn(input, "of") ? quorum : all;
});

/** A whole file. */
export const CONFIG_SCHEMA = group(
  {
    listen: v.optional(
      texts('Addresses: ":PORT", "HOST:PORT", "[IPV6]:PORT", "unix:/PATH", "plain://ADDR". Default :50051 and :8080.'),
    ),
    checks: v.optional(table(CHECK_OR_URL, "Checks by name; each is a service of that name.")),
    defaults: v.optional(group(SCHEDULE, "Settings for every check that doesn't have its own.")),
    services: v.optional(
      table(SERVICE, "Services over checks and other services: a list, { all }, { any } or { quorum, of }."),
    ),
    overall: v.optional(
      texts("The services that the server as a whole stands for. Default: every service that is part of no other."),
    ),
    isolation: v.optional(
      group(
        {
          selfCheck: text("A URL of something that is always there while our own network is: a gateway, say."),
          maxHold: v.optional(duration("How long statuses are held at most when this prober is cut off. Default 60s.")),
        },
        "When everything falls at once and the self-check fails too, the last statuses are held for a while.",
      ),
    ),
    allowExec: v.optional(flag("Allow checks that run programs. Default false.")),
    allowLinkLocal: v.optional(
      flag("Allow targets at link-local addresses, cloud metadata services among them. Default false."),
    ),
    engine: v.optional(
      oneOf(ENGINE_NAMES, "What speaks HTTP/2: native, made for health checks, or grpc-js. Default native."),
    ),
    paths: v.optional(texts("HTTP paths that mean /healthcheck.")),
    statusCodePaths: v.optional(texts("gRPC methods that answer OK or UNAVAILABLE, such as /AWS.ALB/healthcheck.")),
    drainDelay: v.optional(duration("Serve on after SIGTERM, as NOT_SERVING, for so long. Default 5s.")),
    tls: v.optional(
      group(
        {
          certFile: text("The certificate chain (PEM)."),
          keyFile: text("Its key (PEM)."),
          clientCaFile: v.optional(text("CA (PEM) that clients' certificates must come from.")),
        },
        "TLS on every address but plain://ADDR.",
      ),
    ),
    tokenFile: v.optional(text("A file with the token that List asks for.")),
    listLimit: v.optional(count("List refuses when there are more services. Default 100.")),
    maxWatchers: v.optional(count("Watch streams open at once. Default 50000.")),
  },
  "The configuration of healthbridge.",
);

/** A file's content, once its shape is right. */
export type ConfigFile = v.InferOutput<typeof CONFIG_SCHEMA>;

/** A check of it. */
export type CheckEntry = v.InferOutput<typeof CHECK>;

/** A service of it. */
export type ServiceEntry = v.InferOutput<typeof SERVICE>;

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as an error shows it: short, and on one line. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "a table"
    : `${typeof value === "boolean" ? "" : "the "}${typeof value} ${shown(value)}`.trim();
}
