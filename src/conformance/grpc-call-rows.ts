/** gRPC over HTTP/2: deadlines, cancels, and calls beside each other. */
import { dataFrame, NO_KNOWN_SERVICE, outcomeOf, type RowContext, requestFor, unknownName } from "./context.js";
import { type FrameConnection, headersFrames } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS, notTried } from "./row.js";
import { callsRow, SERVED } from "./row-kinds.js";
import { grpcOverHttp2, HEALTH_DOC, rfc9113 } from "./sources.js";

/** Streams that one row has open at once. */
const MAX_STREAMS = 100;

const DEADLINE_MS = 300;

/** A server's timer may be late. */
const MAX_LATE_MS = 1_500;

/** A Watch that runs: of the known service, or of none, which stays open as well. */
function watchOn(context: RowContext, connection: FrameConnection, fields: Readonly<Record<string, string>> = {}) {
  const service = context.facts.known ?? unknownName("watch");
  return context.send(connection, { method: "Watch", service, fields });
}

export const GRPC_CALL_ROWS: readonly ConformanceRow[] = [
  {
    id: "deadline",
    rule: "When the deadline of a call is over, the server ends the call.",
    source: grpcOverHttp2("Client Cancellation"),
    severity: "should",
    group: "grpc",
    async run(context) {
      if (context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      const connection = await context.connect();
      const { clock } = context.server;
      const startedAt = clock.now();
      const { answer } = watchOn(context, connection, { "grpc-timeout": `${DEADLINE_MS}m` });
      await connection.until(() => answer.hasEnded, DEADLINE_MS + MAX_LATE_MS);
      const sent = `Watch with grpc-timeout ${DEADLINE_MS}m`;
      if (
        answer.hasEnded &&
        (answer.reset !== undefined || ["DEADLINE_EXCEEDED", "CANCELLED"].includes(answer.code ?? ""))
      )
        return HOLDS;
      const afterMs = Math.round(clock.now() - startedAt);
      const expected = `RST_STREAM or grpc-status DEADLINE_EXCEEDED after ${DEADLINE_MS} ms`;
      return breaks(sent, expected, `${outcomeOf(connection, answer)} after ${afterMs} ms`);
    },
  },
  callsRow(
    "grpc",
    {
      id: "deadline-long",
      rule: "A grpc-timeout has up to eight digits: a long one is no short one.",
      source: grpcOverHttp2("Requests"),
      severity: "must",
    },
    ["10S", "597H", "99999999H"].map((timeout) => ({
      sent: `Check with grpc-timeout ${timeout}`,
      call: () => ({ fields: { "grpc-timeout": timeout } }),
      ...SERVED,
    })),
  ),
  {
    id: "deadline-long-watch",
    rule: "A Watch with a grpc-timeout of years stays open.",
    source: grpcOverHttp2("Requests"),
    severity: "must",
    group: "grpc",
    async run(context) {
      if (context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      if (context.facts.known === undefined) return notTried(NO_KNOWN_SERVICE);
      const connection = await context.connect();
      const { answer } = watchOn(context, connection, { "grpc-timeout": "99999999H" });
      await context.firstMessage(connection, answer);
      await connection.until(() => answer.hasEnded, context.quietMs);
      if (answer.messages.length > 0 && !answer.hasEnded) return HOLDS;
      return breaks(
        "Watch with grpc-timeout 99999999H",
        "a status, and the stream stays open",
        outcomeOf(connection, answer),
      );
    },
  },
  {
    id: "cancel",
    rule: "A call that a client cancels gets no more frames, and the connection goes on.",
    source: grpcOverHttp2("Client Cancellation"),
    severity: "must",
    group: "grpc",
    async run(context) {
      if (context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      const connection = await context.connect();
      const watches = Array.from({ length: 20 }, () => watchOn(context, connection));
      for (const { id, answer } of watches) {
        await context.firstMessage(connection, answer);
        context.cancel(connection, id);
      }
      const check = await context.call(connection);
      const sent = "20 Watches, a cancel of each, and a Check";
      if (!context.isServed(check)) return breaks(sent, "an answer to Check", outcomeOf(connection, check));
      const before = watches.map(({ answer }) => answer.messages.length);
      await connection.until(() => false, context.quietMs);
      const late = watches.find(({ answer }, index) => answer.messages.length !== before[index]);
      return late === undefined ? HOLDS : breaks(sent, "nothing on a cancelled stream", late.answer.describe());
    },
  },
  {
    id: "streams-independent",
    rule: "A call that is not complete does not hold up another one on its connection.",
    source: rfc9113("5"),
    severity: "must",
    group: "grpc",
    async run(context) {
      const connection = await context.connect();
      const slow = connection.openStream();
      connection.write(
        headersFrames(slow, context.headOf()),
        dataFrame(slow, requestFor(context.service).subarray(0, 3), 0),
      );
      const quick = await context.call(connection);
      const sent = "HEADERS and half of a Check, a whole Check on the next stream, and the rest of the first";
      if (!context.isServed(quick)) return breaks(sent, "an answer to the second", outcomeOf(connection, quick));
      connection.write(dataFrame(slow, requestFor(context.service).subarray(3)));
      const answer = connection.answer(slow);
      await context.ended(connection, answer);
      return context.isServed(answer) ? HOLDS : breaks(sent, "an answer to the first", outcomeOf(connection, answer));
    },
  },
  {
    id: "streams-many",
    rule: "As many calls as the server allows run at once on one connection (here at most 100).",
    source: rfc9113("5.1.2"),
    severity: "must",
    group: "grpc",
    async run(context) {
      const connection = await context.connect();
      const count = Math.min(MAX_STREAMS, connection.settings.maxConcurrentStreams);
      const ids = Array.from({ length: count }, () => connection.openStream());
      // all are open before the first is complete
      connection.write(...ids.map((id) => headersFrames(id, context.headOf())));
      connection.write(...ids.map((id) => dataFrame(id, requestFor(context.service))));
      const answers = ids.map((id) => connection.answer(id));
      await connection.until(() => answers.every(({ hasEnded }) => hasEnded), context.answerMs);
      const failed = answers.filter((answer) => !context.isServed(answer));
      const [first] = failed;
      if (first === undefined) return HOLDS;
      const received = `${failed.length} without: the first has ${outcomeOf(connection, first)}`;
      return breaks(`${count} Checks at once`, "an answer to each", received);
    },
  },
  {
    id: "watches-many",
    rule: "Many clients may watch one service: each gets its status (here at most 100).",
    source: HEALTH_DOC,
    severity: "must",
    group: "health",
    async run(context) {
      if (context.facts.noWatch !== undefined) return notTried(context.facts.noWatch);
      const connection = await context.connect();
      const count = Math.min(MAX_STREAMS, connection.settings.maxConcurrentStreams);
      const watches = Array.from({ length: count }, () => watchOn(context, connection).answer);
      await connection.until(() => watches.every(({ messages }) => messages.length > 0), context.answerMs);
      const failed = watches.filter(({ messages }) => messages.length === 0);
      const [first] = failed;
      if (first === undefined) return HOLDS;
      const received = `${failed.length} without: the first has ${outcomeOf(connection, first)}`;
      return breaks(`${count} Watches of one service`, "a status on each", received);
    },
  },
];
