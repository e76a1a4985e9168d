/**
 * One request and its answer on a connection, for protocols that send one answer for each request: HTTP/1 and Redis.
 *
 *     write --> bytes --> reader --> answer, and the connection waits for the next request
 *                 |          '-----> invalid bytes: the connection is closed
 *                 '-- end: before any byte: Unanswered; later: the reader decides
 */
import { BrokenCall, Unanswered } from "./broken-call.js";
import type { SocketListener, TargetSocket } from "./target-socket.js";

export interface AnswerReader<Answer> {
  /**
   * Takes the next bytes, which may be overwritten afterwards. Returns the answer when it is complete.
   * @throws BrokenCall `protocol`
   */
  push(bytes: Buffer): Answer | undefined;
  /**
   * The target has ended the connection. Returns the answer where that is how an answer ends.
   * @throws BrokenCall `closed`
   */
  end(): Answer;
}

/**
 * Writes a request and reads its answer; one at a time. Rejects with Unanswered when the connection ends before the
 * first byte, afterwards with the error of the connection or the reader. The connection is closed then.
 */
export function exchange<Answer>(
  socket: TargetSocket,
  request: string | Uint8Array,
  reader: AnswerReader<Answer>,
): Promise<Answer> {
  const listener = new AnswerListener(socket, reader);
  socket.listen(listener);
  socket.write(request);
  return listener.answer;
}

class AnswerListener<Answer> implements SocketListener {
  readonly answer: Promise<Answer>;
  readonly #socket: TargetSocket;
  readonly #reader: AnswerReader<Answer>;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #hasBegun = false;

  constructor(socket: TargetSocket, reader: AnswerReader<Answer>) {
    this.#socket = socket;
    this.#reader = reader;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onBytes(bytes: Buffer): void {
    this.#hasBegun = true;
    try {
      const answer = this.#reader.push(bytes);
      if (answer === undefined) return;
      this.#socket.listen(undefined);
      this.#resolve(answer);
    } catch (error) {
      this.#socket.listen(undefined);
      this.#socket.goodbye = undefined; // the target does not speak the protocol
      this.#socket.close();
      this.#reject(error);
    }
  }

  onEnd(error: Error | undefined): void {
    try {
      if (!this.#hasBegun)
        throw new Unanswered(error ?? new BrokenCall("closed", "the connection ended without an answer"));
      if (error !== undefined) throw error;
      this.#resolve(this.#reader.end());
    } catch (reason) {
      this.#reject(reason);
    }
  }
}
