/**
 * The shape of a configuration file: the source of its TypeScript types, its validation and its JSON Schema.
 *
 * Keys with a default or a flag come from the tables in `keys` and `checks/settings`. `validate` has the rules that a shape
 * cannot express: whether a timeout is below its interval, or a scheme is known.
 */
import * as v from "valibot";
import { CHECK_SETTINGS, INITIAL_STATES, SCHEDULE_SETTINGS, type Setting } from "../checks/settings.js";
import { WARN_BEFORE_MS } from "../core/certificate-time.js";
import { formatDuration, isDuration } from "../core/duration.js";
import { ENGINE_NAMES } from "../core/engine-name.js";
import { describeSetting, ISOLATION_KEYS, TLS_KEYS, TOP_KEYS } from "./keys.js";

const duration = (description: string) =>
  v.pipe(
    v.string(({ input }) => notADuration(input)),
    v.regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/, ({ input }) => notADuration(input)),
    v.check(isDuration, ({ input }) => notADuration(input)),
    v.description(description),
  );

function notADuration(input: unknown): string {
  if (typeof input === "number" && input >= 0) return `${input} has no unit (try ${input}s, 500ms, 1m)`;
  return `${typeof input === "number" ? input : shown(input)} is not a duration (try 5s, 500ms, 1m)`;
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

const switchValue = (description: string) =>
  v.pipe(
    v.boolean(({ input }) => `must be true or false; got ${shown(input)}`),
    v.description(description),
  );

const oneOf = <const Word extends string>(words: readonly Word[], description: string) =>
  v.pipe(
    v.picklist(words, ({ input }) => `must be one of ${words.join(", ")}; got ${shown(input)}`),
    v.description(description),
  );

const notACount = ({ input }: { readonly input: unknown }) => `must be a whole number from 1 on; got ${shown(input)}`;

const count = (description: string) =>
  v.pipe(
    v.number(notACount),
    v.integer(notACount),
    v.minValue(1, notACount),
    v.maxValue(Number.MAX_SAFE_INTEGER, notACount),
    v.description(description),
  );

const notAShare = ({ input }: { readonly input: unknown }) => `must be a share from 0 to 1; got ${shown(input)}`;

const share = (description: string) =>
  v.pipe(v.number(notAShare), v.minValue(0, notAShare), v.maxValue(1, notAShare), v.description(description));

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

/** One of several kinds of value. `pick` decides by a value which kind was meant: the errors are those of that kind. */
const choice = <Union extends v.GenericSchema>(union: Union, pick: (input: unknown) => v.GenericSchema) =>
  // what is picked is a member of the union; without a value (for the JSON Schema) it is the union itself
  v.lazy((input) => (input === undefined ? union : pick(input)) as Union);

/** To JavaScript a list is an object with numbers as keys. Here it is a mistake. */
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

const BODY_TEXT = text("Text that the body must contain.");

const BODY_PATTERN = group(
  { matches: text("An RE2 regular expression that the body must match.") },
  "What the body must be.",
);

const EXPECT = group(
  {
    status: v.optional(
      v.pipe(
        v.array(
          v.union([v.number(), v.string()], "must be a status or a range: 204, 200-299"),
          ({ input }) => `must be a list of statuses and ranges, such as [204, 200-299], not ${kindOf(input)}`,
        ),
        v.description("HTTP statuses and ranges. Default 200-299."),
      ),
    ),
    body: v.optional(
      choice(v.union([BODY_TEXT, BODY_PATTERN]), (input) => (isTable(input) ? BODY_PATTERN : BODY_TEXT)),
    ),
    headers: v.optional(table(text("value"), "Headers of the response, with the value that each must have.")),
    json: v.optional(
      table(
        v.union([v.string(), v.number(), v.boolean(), v.null()], "must be text, a number, true, false or null"),
        "Values in a JSON body by their path: status, checks.db.ok, items[0].name.",
      ),
    ),
    answers: v.optional(
      v.pipe(
        v.array(
          text("value"),
          ({ input }) =>
            `must be a list of values, such as [10.0.0.1] or ["10 mail.example.com"], not ${kindOf(input)}`,
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
    caFile: v.optional(text("CA certificates (PEM) that are trusted instead of those of the system.")),
    certFile: v.optional(text("The client certificate (PEM), for targets that ask for one.")),
    keyFile: v.optional(text("The key of the client certificate (PEM).")),
    serverName: v.optional(text("The name that the target's certificate must have. Default: the target's host.")),
    verify: v.optional(switchValue("Whether the target's certificate must be valid. Default true.")),
    warnBefore: v.optional(
      duration(
        `A certificate that expires within this time makes the services of the check degraded. Default ${formatDuration(WARN_BEFORE_MS)}.`,
      ),
    ),
  },
  "How to use TLS with the target.",
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
    target: v.optional(text("What is probed, as a URL.")),
    exec: v.optional(texts("A program with its arguments, in place of a target. It needs allowExec.")),
    heartbeat: v.optional(HEARTBEAT),
    ...keysOf(SCHEDULE_SETTINGS),
    ...keysOf(MEMBER_SETTINGS),
    ...keysOf({ forgetAfter: CHECK_SETTINGS.forgetAfter }),
    minWorkers: v.optional(
      count("Only flower+http: the minimum number of online workers for the check to pass. Default 1."),
    ),
    expect: v.optional(EXPECT),
    reuse: v.optional(switchValue("Whether the connection is kept for the next probe. Default true.")),
    maxConnectionAge: v.optional(duration("A kept connection is replaced after this time. At most 1h. Default 5m.")),
    user: v.optional(text("The user name of the target, as it is: not percent-encoded.")),
    password: v.optional(
      text("The password of the target, as it is: not percent-encoded. Take it from ${NAME} or ${file:PATH}."),
    ),
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

const members = (which: string) => texts(`${which}: names of checks and services.`);

const SERVICE_FORMS = {
  list: v.array(
    text("A name."),
    ({ input }) => `must be a list, { all: [...] }, { any: [...] } or { quorum: N, of: [...] }; got ${shown(input)}`,
  ),
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
  if (Object.hasOwn(input, "any")) return any;
  return Object.hasOwn(input, "quorum") || Object.hasOwn(input, "of") ? quorum : all;
});

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
        { ...keysOf(ISOLATION_KEYS), selfCheck: text(describeSetting(ISOLATION_KEYS.selfCheck)) },
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
        "The server's certificate. A change needs a restart.",
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
