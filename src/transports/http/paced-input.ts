/**
 * The input of one HTTP/1 connection, given to Node's parser in slices, in fair turns with all other connections.
 *
 *     socket --push--> short, and time is left in the turn? --yes--> parser, in this step
 *                        | no
 *                        '--> paused, kept by the socket --> 2 KB in each turn, while no request waits for its answer
 *
 * Node's parser handles everything that it is given in one step. A read of 64 KB holds some 2,600 requests, and takes
 * 70 ms.
 */
import type { Socket } from "node:net";
import type { FairTurns, Share } from "../../core/fair-turns.js";

/** At most some 80 requests, which take about 1 ms. A request of a health check is shorter than that. */
const SLICE_BYTES = 2_048;

export class PacedInput {
  readonly share: Share;
  readonly #socket: Socket;
  /** Whether the parser may have more now. */
  readonly #mayRead: () => boolean;
  /** The socket was paused here, not by Node. */
  #isHeld = false;
  #isQueued = false;

  /** Takes a socket that Node's server already handles. Its first bytes may be in its buffer. */
  constructor(socket: Socket, turns: FairTurns, mayRead: () => boolean) {
    this.share = turns.open();
    this.#socket = socket;
    this.#mayRead = mayRead;
    // in Node's server, the parser reads from the handle directly until the socket has another listener
    socket.on("data", ignore);
    socket.off("data", ignore);
    const push = socket.push.bind(socket);
    socket.push = (chunk: Buffer | null) => {
      if (this.#isHeld) return push(chunk);
      if (chunk !== null && (chunk.length > SLICE_BYTES || !this.share.mayWork)) {
        this.hold();
        return push(chunk);
      }
      let takesMore = false;
      this.share.measure(() => {
        takesMore = push(chunk);
      });
      return takesMore;
    };
    // Node resumes the socket itself after each answer
    const resume = socket.resume.bind(socket);
    socket.resume = () => {
      if (!this.#isHeld) return resume();
      this.#proceed();
      return socket;
    };
    socket.on("drain", () => this.proceed());
  }

  /** Handles the bytes that came before: at once if they are few. */
  start(): void {
    const socket = this.#socket;
    if (socket.readableLength > SLICE_BYTES || !this.share.mayWork) this.hold();
    else this.share.measure(() => void socket.read());
  }

  /** Stops reading. Continues in a later turn, when `mayRead` allows it and `proceed` was called. */
  hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
    this.#proceed();
  }

  /** The parser may have more now. */
  proceed(): void {
    if (this.#isHeld) this.#proceed();
  }

  #proceed(): void {
    if (this.#isQueued || !this.#mayRead()) return;
    this.#isQueued = true;
    this.share.queue(() => {
      this.#isQueued = false;
      this.#read();
    });
  }

  #read(): void {
    const socket = this.#socket;
    if (socket.destroyed || !this.#mayRead()) return;
    if (socket.readableLength > 0) {
      // emits `data`, also while the socket is paused
      socket.read(Math.min(SLICE_BYTES, socket.readableLength));
      this.#proceed();
    } else {
      this.#isHeld = false;
      socket.resume();
    }
  }
}

function ignore(): void {}
