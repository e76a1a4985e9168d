/**
 * A client of the control service, for one call on one connection.
 */
import { type Clock, systemClock } from "../core/clock.js";
import type { TokenRate } from "../core/token-bucket.js";
import {
  CONTROL_METHODS,
  CONTROL_SERVICE,
  type ControlAnswer,
  type ControlMethod,
  type ControlRequest,
} from "../wire/control-messages.js";
import { decodeMessage, encodeMessage } from "../wire/message-table.js";
import { BrokenCall, Unanswered } from "./broken-call.js";
import { type CallStatus, hasStatus, startCall } from "./grpc-call.js";
import { encodeCallHead } from "./grpc-head.js";
import { Http2Connection } from "./http2-connection.js";
import { createReadBuffer, TargetSocket } from "./target-socket.js";

/** A call that the server has answered with an error. */
export class RefusedCall extends Error {
  override readonly name = "RefusedCall";
  readonly code: CallStatus["code"];

  constructor({ code, text }: CallStatus) {
    super(text);
    this.code = code;
  }
}

/** No answer has come in time. */
export class LateCall extends Error {
  override readonly name = "LateCall";
}

export interface ControlCall {
  /** The path of the socket. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly clock?: Clock | undefined;
}

/** The daemon sends a hundred services or checks in one message. Each has a name and texts of some hundred bytes. */
const MAX_MESSAGE_BYTES = 4_194_304;

/** 30,000 checks and as many services: the most that a configuration may have. */
const MAX_MESSAGES = 1_000;

/** The status of 30,000 checks has 10 MB, and a frame costs a token for each kilobyte. */
const FRAME_RATE: TokenRate = { burst: 100_000, perSecond: 10_000 };

/**
 * Makes a call. Resolves with its answers: one, or several of Status.
 * Rejects with RefusedCall, LateCall, BrokenCall, or the error of the system.
 */
export async function callControl<Method extends ControlMethod>(
  method: Method,
  request: Partial<ControlRequest<Method>>,
  { path, timeoutMs, clock = systemClock }: ControlCall,
): Promise<readonly ControlAnswer<Method>[]> {
  const table = CONTROL_METHODS[method];
  const socket = new TargetSocket({ path, tls: undefined, readBuffer: createReadBuffer() }, timeoutMs);
  const connection = new Http2Connection(socket, clock, FRAME_RATE);
  const head = encodeCallHead({
    ...{ scheme: "http", authority: "localhost", metadata: [] },
    path: `/${CONTROL_SERVICE}/${method}`,
  });
  const answers: ControlAnswer<Method>[] = [];
  const message = encodeMessage<object>(table.request, request);
  let cancelTimer = () => {};
  try {
    const end = await new Promise<CallStatus | Error>((resolve) => {
      cancelTimer = clock.setTimer(timeoutMs, () => resolve(new LateCall("no answer in time")));
      startCall(
        connection,
        { head, message, maxMessageBytes: MAX_MESSAGE_BYTES },
        {
          onMessage(bytes) {
            // the table of the method has the types of its answer
            const answer = decodeMessage(table.answer, bytes) as ControlAnswer<Method> | undefined;
            if (answer === undefined || answers.length === MAX_MESSAGES)
              throw new BrokenCall("protocol", "the answer cannot be read");
            answers.push(answer);
          },
          onEnd: resolve,
        },
      );
    });
    if (!hasStatus(end)) throw end instanceof Unanswered ? end.reason : end;
    if (end.code !== "OK") throw new RefusedCall(end);
    return answers;
  } finally {
    cancelTimer();
    connection.close();
  }
}
