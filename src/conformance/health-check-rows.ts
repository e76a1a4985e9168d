/** The health protocol: Check, and the names of services. */
import { lengthDelimited } from "../wire/protobuf.js";
import { LIST, messageOf, NO_KNOWN_SERVICE, outcomeOf, requestFor, unknownName } from "./context.js";
import { breaks, type ConformanceRow, HOLDS, notTried } from "./row.js";
import { callRow, callsRow, failsWith, SERVED } from "./row-kinds.js";
import {
  HEALTH_DOC,
  HEALTH_PROTO,
  PROTO3_SCALAR,
  PROTO3_UNKNOWN,
  PROTOBUF_ENCODING,
  PROTOBUF_LAST_ONE_WINS,
  STATUS_CODES,
} from "./sources.js";
import type { StreamAnswer } from "./stream-answer.js";

const NOT_FOUND = failsWith("NOT_FOUND");

/** Names that some languages give to properties of every object, and one that ends early in C. */
const ODD_NAMES: readonly string[] = ["__proto__", "constructor", "toString", "hasOwnProperty", "conformance\0", " "];

/** Messages that are no protobuf message. */
const UNREADABLE: readonly (readonly [what: string, body: Buffer])[] = (
  [
    ["0a 50: a name of 80 bytes that is cut before its first", "0a50"],
    ["0a 50 61: a name of 80 bytes that is cut after its first", "0a5061"],
    ["ff: a tag that is cut", "ff"],
    ["00 01: a field with the number 0", "0001"],
  ] as const
).map(([what, hex]) => [what, messageOf(Buffer.from(hex, "hex"))]);

/** NOT_FOUND would say that a name was read. */
const failsUnread = ({ isRefused, code }: StreamAnswer) => isRefused && code !== "NOT_FOUND";

const KNOWN_STATUSES: readonly unknown[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];

export const HEALTH_CHECK_ROWS: readonly ConformanceRow[] = [
  callRow(
    "health",
    {
      id: "check-overall",
      rule: "The empty service name asks for the health of the server as a whole, and has a status.",
      source: HEALTH_DOC,
      severity: "should",
    },
    {
      sent: 'Check of "" (an empty message)',
      call: () => ({ service: "" }),
      expected: "OK with a status",
      accepts: ({ isOk, messages }) => isOk && messages.length > 0,
    },
  ),
  {
    id: "check-values",
    rule: "Check answers UNKNOWN, SERVING or NOT_SERVING. SERVICE_UNKNOWN belongs to Watch alone.",
    source: HEALTH_PROTO,
    severity: "must",
    group: "health",
    async run(context) {
      const { known, names } = context.facts;
      const asked = [...new Set([...(known === undefined ? [] : [known]), ...names])];
      if (asked.length === 0) return notTried(NO_KNOWN_SERVICE);
      const connection = await context.connect();
      for (const service of asked) {
        const answer = await context.call(connection, { service });
        const isLegal = KNOWN_STATUSES.includes(answer.statuses[0]);
        if (answer.isOk && !isLegal)
          return breaks(
            `Check of ${JSON.stringify(service)}`,
            "UNKNOWN, SERVING or NOT_SERVING",
            outcomeOf(connection, answer),
          );
      }
      return HOLDS;
    },
  },
  callsRow(
    "health",
    {
      id: "check-unknown",
      rule: "Check of a service that the server does not know fails with NOT_FOUND.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    [unknownName("check-unknown"), "a"].map((service) => ({
      sent: `Check of the unknown service ${service}`,
      call: () => ({ service }),
      ...NOT_FOUND,
    })),
  ),
  callsRow(
    "health",
    {
      id: "check-odd-names",
      rule: "A name that no service has is unknown, also one that a programming language gives to its own objects.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    ODD_NAMES.map((service) => ({
      sent: `Check of ${JSON.stringify(service)}`,
      call: () => ({ service }),
      ...NOT_FOUND,
    })),
  ),
  callRow(
    "health",
    {
      id: "check-name-200",
      rule: "An unknown name of 200 bytes is NOT_FOUND: names of services are that long.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    { sent: "Check of an unknown name of 200 bytes", call: () => ({ service: "n".repeat(200) }), ...NOT_FOUND },
  ),
  callRow(
    "health",
    {
      id: "check-name-10k",
      rule: "A name of 10,000 bytes is NOT_FOUND, or refused as too long. The connection goes on.",
      source: HEALTH_PROTO,
      severity: "must",
    },
    {
      sent: "Check of a name of 10,000 bytes",
      call: () => ({ service: "n".repeat(10_000) }),
      ...failsWith("NOT_FOUND", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"),
    },
  ),
  {
    id: "check-no-effect",
    rule: "Check and Watch have no side effects: a service that was only asked for stays unknown, and is not listed.",
    source: HEALTH_PROTO,
    severity: "should",
    group: "health",
    async run(context) {
      const service = unknownName("check-no-effect");
      const connection = await context.connect();
      for (let round = 0; round < 5; round += 1) await context.call(connection, { service });
      const watched = await context.connect();
      const { answer } = context.send(watched, { method: "Watch", service });
      await context.firstMessage(watched, answer);
      const check = await context.call(connection, { service });
      const sent = `five Checks and a Watch of ${service}, then`;
      if (check.code !== "NOT_FOUND")
        return breaks(`${sent} a Check of it`, "grpc-status NOT_FOUND", outcomeOf(connection, check));
      if (context.facts.noList !== undefined) return HOLDS;
      const list = await context.call(connection, LIST);
      const isListed = list.messages.some(({ bytes }) => bytes.includes(service));
      return isListed ? breaks(`${sent} List`, "a map without it", "a map with it") : HOLDS;
    },
  },
  callRow(
    "health",
    {
      id: "request-empty-name",
      rule: "An empty name that is written out is the same as none.",
      source: PROTOBUF_ENCODING,
      severity: "must",
    },
    {
      sent: "Check with the field service of 0 bytes (0a 00)",
      call: () => ({ body: messageOf(Buffer.from("0a00", "hex")) }),
      expected: 'the same answer as Check of ""',
      accepts: ({ code }, { facts }) => code === (facts.overallIsKnown ? "OK" : "NOT_FOUND"),
    },
  ),
  callsRow(
    "health",
    {
      id: "request-unreadable",
      rule: "A request that is not a protobuf message fails as such. It is never answered as another request.",
      source: PROTOBUF_ENCODING,
      severity: "must",
    },
    UNREADABLE.map(([what, body]) => ({
      sent: `Check with the bytes ${what}`,
      call: () => ({ body }),
      expected: "an error status other than NOT_FOUND",
      accepts: failsUnread,
    })),
  ),
  {
    id: "request-unreadable-code",
    rule: "A request that cannot be parsed fails with INTERNAL, or with INVALID_ARGUMENT by the service itself.",
    source: STATUS_CODES,
    severity: "should",
    group: "health",
    async run(context) {
      const connection = await context.connect();
      for (const [what, body] of UNREADABLE) {
        const answer = await context.call(connection, { body });
        if (!failsUnread(answer))
          return notTried("a request that cannot be parsed is answered: see request-unreadable");
        const { expected, accepts } = failsWith("INTERNAL", "INVALID_ARGUMENT");
        if (!accepts(answer, context))
          return breaks(`Check with the bytes ${what}`, expected, outcomeOf(connection, answer));
      }
      return HOLDS;
    },
  },
  callRow(
    "health",
    {
      id: "request-utf8",
      rule: "A name that is not valid UTF-8 is not a string: the request fails as unreadable.",
      source: PROTO3_SCALAR,
      severity: "should",
    },
    {
      sent: "Check of a name of the bytes ff fe",
      call: () => ({ body: messageOf(lengthDelimited(1, Buffer.from("fffe", "hex"))) }),
      expected: "an error status other than NOT_FOUND",
      accepts: failsUnread,
    },
  ),
  callRow(
    "health",
    {
      id: "request-unknown-fields",
      rule: "Fields that the server does not know are ignored.",
      source: PROTO3_UNKNOWN,
      severity: "must",
    },
    {
      sent: "Check with the further fields 2 to 5: a number, 8 bytes, a text and 4 bytes",
      call: ({ service }) => {
        const further = Buffer.from("1001190102030405060708220261622d01020304", "hex");
        return { body: messageOf(Buffer.concat([requestFor(service).subarray(5), further])) };
      },
      ...SERVED,
    },
  ),
  callRow(
    "health",
    {
      id: "request-last-wins",
      rule: "Of a field that is sent twice, the last value counts.",
      source: PROTOBUF_LAST_ONE_WINS,
      severity: "must",
    },
    {
      sent: "Check with two names: an unknown one, then a known one",
      call: ({ service }) => {
        const names = [unknownName("request-last-wins"), service].map((name) => lengthDelimited(1, Buffer.from(name)));
        return { body: messageOf(Buffer.concat(names)) };
      },
      ...SERVED,
    },
  ),
];
