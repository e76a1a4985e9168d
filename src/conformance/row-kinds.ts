/**
 * The kinds of rows that differ in their bytes alone:
 *
 *     call row               one call      --> an answer that is accepted, or not
 *     connection error row   wrong frames  --> the server must end the connection (RFC 9113, section 5.4.1)
 */
import type { GrpcCode } from "../wire/grpc-code.js";
import type { ErrorCode } from "../wire/http2/frames.js";
import { outcomeOf, type RowCall, type RowContext } from "./context.js";
import type { FrameConnection } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS, type RowGroup, type RowText, type RowVerdict } from "./row.js";
import type { StreamAnswer } from "./stream-answer.js";

/** Which answers obey a rule. */
export interface AnswerRule {
  /** What the report shows after `expected`. */
  readonly expected: string;
  readonly accepts: (answer: StreamAnswer, context: RowContext) => boolean;
}

/** The call has the answer of the health service. */
export const SERVED: AnswerRule = {
  expected: "the same answer as a usual call",
  accepts: (answer, context) => context.isServed(answer),
};

/** The call fails with one of these codes, also by a reset that stands for it. */
export function failsWith(...codes: readonly GrpcCode[]): AnswerRule {
  return {
    expected: `grpc-status ${codes.join(" or ")}`,
    accepts: ({ code, reset }) => {
      const found = code ?? (reset === undefined ? undefined : (RESET_CODES[reset] ?? "INTERNAL"));
      return found !== undefined && codes.includes(found);
    },
  };
}

/** The codes of resets; INTERNAL for all others. Source: grpc/grpc doc/PROTOCOL-HTTP2.md, "Errors". */
const RESET_CODES: Readonly<Record<string, GrpcCode>> = {
  REFUSED_STREAM: "UNAVAILABLE",
  CANCEL: "CANCELLED",
  ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED",
  INADEQUATE_SECURITY: "PERMISSION_DENIED",
};

/** The call is not served, however it is refused. */
export const REFUSED: AnswerRule = {
  expected: "an error status or RST_STREAM",
  accepts: (answer, context) => context.isRefused(answer),
};

export interface CallRowOptions extends AnswerRule {
  /** What the report shows after `sent`. */
  readonly sent: string;
  readonly call: (context: RowContext) => RowCall;
}

/** A row of one call. */
export function callRow(group: RowGroup, text: RowText, options: CallRowOptions): ConformanceRow {
  return callsRow(group, text, [options]);
}

/** A row of several calls, one after the other: the first that is not accepted breaks it. */
export function callsRow(group: RowGroup, text: RowText, calls: readonly CallRowOptions[]): ConformanceRow {
  return {
    ...text,
    group,
    async run(context) {
      const connection = await context.connect();
      for (const { sent, expected, call, accepts } of calls) {
        const answer = await context.call(connection, call(context));
        if (!accepts(answer, context)) return breaks(sent, expected, outcomeOf(connection, answer));
      }
      return HOLDS;
    },
  };
}

export interface ConnectionErrorOptions {
  /** What the report shows after `sent`. */
  readonly sent: string;
  /** The error that the RFC names. Another one is accepted too: the connection must end. */
  readonly error: ErrorCode;
  readonly frames: (context: RowContext, connection: FrameConnection) => readonly Uint8Array[];
}

/** A row of frames that break HTTP/2, after one whole call. */
export function connectionErrorRow(text: RowText, { sent, error, frames }: ConnectionErrorOptions): ConformanceRow {
  return {
    ...text,
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      await context.call(connection);
      connection.write(...frames(context, connection));
      return endsConnection(context, connection, { sent, error });
    },
  };
}

/** Whether the server ends the connection: GOAWAY with an error, or the end of TCP. */
export async function endsConnection(
  context: RowContext,
  connection: FrameConnection,
  { sent, error }: Pick<ConnectionErrorOptions, "sent" | "error">,
): Promise<RowVerdict> {
  const isOver = () =>
    connection.end !== undefined || (connection.goAway !== undefined && connection.goAway !== "NO_ERROR");
  await connection.until(isOver, context.answerMs);
  return isOver() ? HOLDS : breaks(sent, `GOAWAY ${error}, or the end of the connection`, connection.describe());
}
