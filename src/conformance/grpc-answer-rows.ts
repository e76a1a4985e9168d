/** gRPC over HTTP/2: how an answer is written, and which calls are served. */
import { NO_KNOWN_SERVICE, outcomeOf, unknownName } from "./context.js";
import { breaks, type ConformanceRow, HOLDS, notTried, type RowText, type RowVerdict } from "./row.js";
import { callRow, callsRow, failsWith, REFUSED, SERVED } from "./row-kinds.js";
import { grpcOverHttp2, STATUS_CODES } from "./sources.js";
import { type StreamAnswer, shown } from "./stream-answer.js";

const REQUESTS = grpcOverHttp2("Requests");
const RESPONSES = grpcOverHttp2("Responses");

/** The limit of trailers that clients are advised to have. */
const MAX_TRAILERS_OCTETS = 8_192;

const FIELD_OVERHEAD = 32;

/** What a grpc-message may be: printable ASCII, and each other octet as %XX. */
const PERCENT_ENCODED = /^(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*$/;

const UNIMPLEMENTED = failsWith("UNIMPLEMENTED");

const HEALTH = "/grpc.health.v1.Health";

/** A row on the answers to two calls: one that the server serves, and one that fails. */
function formRow(text: RowText, judge: (answer: StreamAnswer) => string | undefined, expected: string): ConformanceRow {
  return {
    ...text,
    group: "grpc",
    async run(context): Promise<RowVerdict> {
      const connection = await context.connect();
      for (const service of [context.service, unknownName(`${text.id}.%\u00e9\n`)]) {
        const answer = await context.call(connection, { service });
        if (!answer.hasEnded || answer.head === undefined) return notTried("Check has no answer");
        const fault = judge(answer);
        if (fault !== undefined) return breaks(`Check of ${JSON.stringify(service)}`, expected, fault);
      }
      return HOLDS;
    },
  };
}

export const GRPC_ANSWER_ROWS: readonly ConformanceRow[] = [
  formRow(
    {
      id: "answer-head",
      rule: "An answer begins with :status 200 and a content-type that begins with application/grpc.",
      source: RESPONSES,
      severity: "must",
    },
    (answer) => {
      const [status, type] = [answer.field(":status"), answer.field("content-type")];
      const isGrpc = status === "200" && type?.startsWith("application/grpc") === true;
      return isGrpc ? undefined : `:status ${status}, content-type ${type ?? "missing"}`;
    },
    ":status 200 and content-type application/grpc",
  ),
  formRow(
    {
      id: "answer-status",
      rule: "An answer ends with trailers that have a grpc-status: a decimal number without leading zeros.",
      source: RESPONSES,
      severity: "must",
    },
    (answer) => {
      const status = answer.trailer("grpc-status");
      return status !== undefined && /^(?:0|[1-9]\d*)$/.test(status) ? undefined : answer.describe();
    },
    "a grpc-status in the last HEADERS",
  ),
  formRow(
    {
      id: "answer-text",
      rule: "A grpc-message is percent-encoded: printable ASCII characters only.",
      source: RESPONSES,
      severity: "must",
    },
    (answer) => {
      const text = answer.trailer("grpc-message") ?? "";
      return PERCENT_ENCODED.test(text) ? undefined : shown(`grpc-message ${text}`);
    },
    "printable ASCII, and %XX for everything else",
  ),
  {
    id: "answer-one-message",
    rule: "A unary call that succeeds has exactly one message.",
    source: STATUS_CODES,
    severity: "must",
    group: "grpc",
    async run(context) {
      const { known } = context.facts;
      if (known === undefined) return notTried(NO_KNOWN_SERVICE);
      const connection = await context.connect();
      const answer = await context.call(connection, { service: known });
      if (!answer.isOk || answer.messages.length === 1) return HOLDS;
      return breaks(`Check of ${JSON.stringify(known)}`, "one message", outcomeOf(connection, answer));
    },
  },
  callRow(
    "grpc",
    {
      id: "answer-trailers-size",
      rule: "The trailers of an error have at most 8 KiB: clients may accept no more, and end the connection.",
      source: RESPONSES,
      severity: "should",
    },
    {
      sent: "Check of a name of 10,000 bytes",
      call: () => ({ service: "t".repeat(10_000) }),
      expected: "trailers of at most 8,192 octets",
      accepts: ({ trailers, head }) => {
        const fields = trailers ?? head ?? [];
        const octets = fields.map(([name, value]) => name.length + value.length + FIELD_OVERHEAD);
        return octets.reduce((sum, each) => sum + each, 0) <= MAX_TRAILERS_OCTETS;
      },
    },
  ),
  callRow(
    "grpc",
    {
      id: "content-type-proto",
      rule: "The content-type application/grpc+proto is served as application/grpc is.",
      source: REQUESTS,
      severity: "must",
    },
    {
      sent: "Check with content-type application/grpc+proto",
      call: () => ({ fields: { "content-type": "application/grpc+proto" } }),
      ...SERVED,
    },
  ),
  callsRow(
    "grpc",
    {
      id: "content-type-other",
      rule: "A request whose content-type does not begin with application/grpc gets HTTP status 415.",
      source: REQUESTS,
      severity: "should",
    },
    ["text/plain", undefined].map((type) => ({
      sent: `Check ${type === undefined ? "without a content-type" : `with content-type ${type}`}`,
      call: () => ({ fields: { "content-type": type } }),
      expected: "HTTP status 415",
      accepts: (answer: StreamAnswer) => answer.field(":status") === "415",
    })),
  ),
  callRow(
    "grpc",
    {
      id: "method-get",
      rule: "A call is a POST: a request with another method is not served.",
      source: REQUESTS,
      severity: "should",
    },
    { sent: "Check with :method GET", call: () => ({ fields: { ":method": "GET" } }), ...REFUSED },
  ),
  callRow(
    "grpc",
    {
      id: "te-missing",
      rule: "A call without te: trailers has an answer: it is served, or refused.",
      source: REQUESTS,
      severity: "must",
    },
    {
      sent: "Check without te",
      call: () => ({ fields: { te: undefined } }),
      expected: "an answer",
      accepts: (answer, context) => context.isServed(answer) || context.isRefused(answer),
    },
  ),
  callRow(
    "grpc",
    {
      id: "path-method",
      rule: "A method that the service does not have fails with UNIMPLEMENTED.",
      source: STATUS_CODES,
      severity: "must",
    },
    { sent: `a call of ${HEALTH}/Conformance`, call: () => ({ method: "Conformance" }), ...UNIMPLEMENTED },
  ),
  callRow(
    "grpc",
    {
      id: "path-service",
      rule: "A service that the server does not have fails with UNIMPLEMENTED.",
      source: STATUS_CODES,
      severity: "must",
    },
    {
      sent: "a call of /healthbridge.conformance.Unknown/Check",
      call: () => ({ fields: { ":path": "/healthbridge.conformance.Unknown/Check" } }),
      ...UNIMPLEMENTED,
    },
  ),
  callsRow(
    "grpc",
    {
      id: "path-exact",
      rule: "A path is compared exactly: case and slashes count.",
      source: REQUESTS,
      severity: "must",
    },
    [`${HEALTH}/check`, `${HEALTH}/Check/`, `/${HEALTH}/Check`].map((path) => ({
      sent: `a call of ${path}`,
      call: () => ({ fields: { ":path": path } }),
      ...REFUSED,
    })),
  ),
  callRow(
    "grpc",
    {
      id: "path-query",
      rule: "A path has no query: with one, it names a method that the service does not have.",
      source: REQUESTS,
      severity: "should",
    },
    {
      sent: `a call of ${HEALTH}/Check?x=1`,
      call: () => ({ fields: { ":path": `${HEALTH}/Check?x=1` } }),
      ...REFUSED,
    },
  ),
  callsRow(
    "grpc",
    {
      id: "metadata-binary",
      rule: "The value of a -bin header is taken with padding and without.",
      source: REQUESTS,
      severity: "must",
    },
    ["AAECAw==", "AAECAw"].map((value) => ({
      sent: `Check with the header conformance-bin: ${value}`,
      call: () => ({ fields: { "conformance-bin": value } }),
      ...SERVED,
    })),
  ),
  callRow(
    "grpc",
    {
      id: "metadata-octets",
      rule: "A header value with octets above ASCII, which HTTP allows, is no error.",
      source: REQUESTS,
      severity: "must",
    },
    {
      sent: "Check with the header conformance: e9 (an octet above ASCII)",
      call: () => ({ fields: { conformance: "\u00e9" } }),
      ...SERVED,
    },
  ),
  callRow(
    "grpc",
    {
      id: "metadata-size",
      rule: "Headers of 4 KiB are served: a limit of 8 KiB is suggested.",
      source: REQUESTS,
      severity: "should",
    },
    {
      sent: "Check with 4,096 octets of metadata",
      call: () => ({ fields: { conformance: "m".repeat(4_096) } }),
      ...SERVED,
    },
  ),
];
