/**
 * The frames of one connection, handled in slices, in fair turns with all other connections.
 *
 *     socket --> FrameReader --frame--> connection, for about 1 ms
 *       ^             '--rest--> [ held: the socket is paused ] --> next slice, in a later turn
 *       '------ resumed when nothing is left, and the client takes the answers
 *
 * A read of 64 KB holds up to 4,000 requests. A client that does not read its answers may not ask for more.
 */
import type { Socket } from "node:net";
import type { Share } from "../../core/fair-turns.js";
import { type FrameListener, FrameReader } from "../../wire/http2/frame-reader.js";
import type { FrameWriter, Outbox } from "./writer.js";

/** What an input works with. */
export interface FrameInputDeps {
  readonly share: Share;
  readonly outbox: Outbox;
  readonly writer: FrameWriter;
  readonly onFrame: FrameListener;
  /** Receives the error that the handling of a frame has thrown. */
  readonly onError: (error: unknown) => void;
  /** Called after each slice. */
  readonly afterSlice: () => void;
}

/** Frames that are handled before the time is checked again. */
const FRAMES_PER_LOOK = 8;

const never = () => false;

export class FrameInput {
  readonly #socket: Socket;
  readonly #deps: FrameInputDeps;
  readonly #reader: FrameReader;
  #framesSinceLook = 0;
  /** The socket is paused: frames wait for their turn, or answers for the client. */
  #isHeld = false;
  #stopped = false;

  constructor(socket: Socket, deps: FrameInputDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.#reader = new FrameReader(deps.onFrame);
  }

  /** Takes bytes of the socket, and handles them now or later. */
  take(chunk: Buffer): void {
    const { share } = this.#deps;
    const mayReadOn = share.mayWork ? this.#mayReadOn : never;
    share.measure(() => this.#read(mayReadOn, chunk));
  }

  /** Stops until the client has read what was sent, and other connections had their turns. */
  hold(): void {
    if (this.#isHeld || this.#stopped) return;
    this.#isHeld = true;
    this.#socket.pause();
    const { share, writer } = this.#deps;
    const readOn = () => share.queue(() => this.#readOn());
    if (writer.isFull) writer.whenWritable(readOn);
    else readOn();
  }

  /** Handles no more frames. */
  stop(): void {
    this.#stopped = true;
    this.#reader.stop();
  }

  #readOn(): void {
    if (this.#stopped) return;
    this.#isHeld = false;
    this.#read(this.#mayReadOn);
    if (!this.#isHeld && !this.#stopped) this.#socket.resume();
  }

  #read(mayReadOn: () => boolean, chunk?: Buffer): void {
    const { outbox, onError, afterSlice } = this.#deps;
    let isComplete = true;
    outbox.hold();
    try {
      isComplete = this.#reader.read(chunk, mayReadOn);
    } catch (error) {
      onError(error);
    } finally {
      outbox.release();
    }
    if (!isComplete) this.hold();
    afterSlice();
  }

  readonly #mayReadOn = (): boolean => {
    this.#framesSinceLook += 1;
    if (this.#framesSinceLook < FRAMES_PER_LOOK) return true;
    this.#framesSinceLook = 0;
    return !this.#deps.share.isSliceOver && !this.#deps.writer.isFull;
  };
}
