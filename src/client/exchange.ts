/**
 * One request and its answer on a connection, for protocols that send one answer for each request: HTTP/1 and Redis.
 *
 *     write --> bytes --> reader --> answer, and the connection waits for the next request
 *                 |          '-----> invalid bytes: the connection is closed
 *                 '-- end: before any byte: Unanswered; later: the reader decides
 */
import { BrokenCall, Unanswered } from "./broken-call.js";
import type { SocketListener, TargetSocket } from "./target-socket.js";

/** Reads one answer. */
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
  return new Promise((resolve, reject) => {
    socket.listen(new AnswerListener(socket, reader, { resolve, reject }));
    socket.write(request);
  });
}

interface Promised<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

class AnswerListener<Answer> implements SocketListener {
  readonly #socket: TargetSocket;
  readonly #reader: AnswerReader<Answer>;
  readonly #promised: Promised<Answer>;
  #hasBegun = false;

  constructor(socket: TargetSocket, reader: AnswerReader<Answer>, promised: Promised<Answer>) {
    this.#socket = socket;
    this.#reader = reader;
    this.#promised = promised;
  }

  onBytes(bytes: Buffer): void {
    this.#hasBegun = true;
    try {
      const answer = this.#reader.push(bytes);
      if (answer === undefined) return;
      this.#socket.listen(undefined);
      this.#promised.resolve(answer);
    } catch (error) {
      this.#socket.listen(undefined);
      this.#socket.close();
      this.#promised.reject(error);
    }
  }

  onEnd(error: Error | undefined): void {
    try {
      if (!this.#hasBegun)
        throw new Unanswered(error ?? new BrokenCall("closed", "the connection ended without an answer"));
      if (error !== undefined) throw error;
      this.#promised.resolve(this.#reader.end());
    } catch (reason) {
      this.#promised.reject(reason);
    }
  }
}
