/**
 * A connection before its first request: it may still turn out to be another engine's.
 *
 *     our SETTINGS -->            (grpc-go and gRPC C++ send no request before they have them)
 *          <-- SETTINGS, its acknowledgement of ours, PING, ...     kept, to be said again to the other engine
 *          <-- first request --+-- ours: acknowledge the client's SETTINGS, forget what was kept
 *                              +-- another's: once the client has acknowledged ours, hand over
 *
 * The other engine sends SETTINGS of its own and acknowledges the client's. The client must see neither acknowledged
 * twice, nor answer ours to somebody who has sent none (nghttp2 ends such a connection): ours waits until the first
 * request decides, and the client's is left out of what is said again. A PING is answered by us, and left out too.
 */

import { PREFACE } from "../../wire/http2/frame-reader.js";
import { ACK, ConnectionError, FRAME_HEADER_BYTES, frameOf, SETTINGS } from "../../wire/http2/frames.js";

/** An honest client says less than a kilobyte before its first request; a long one has 16 KiB of fields. */
const MAX_BYTES = 64 * 1024;

export class Introduction {
  /** The client has acknowledged our SETTINGS. */
  acknowledged = false;
  /** SETTINGS of the client that we have not acknowledged. */
  owedAcknowledgements = 0;
  /** The client has said its SETTINGS. */
  get greeted(): boolean {
    return this.owedAcknowledgements > 0;
  }

  readonly #frames: Buffer[] = [PREFACE];
  #bytes = 0;

  /** Keeps a frame. @throws ConnectionError when that is too much */
  note(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) !== 0) {
      this.acknowledged = true;
      return;
    }
    if (type === SETTINGS) this.owedAcknowledgements += 1;
    this.#bytes += FRAME_HEADER_BYTES + payload.length;
    this.#frames.push(frameOf(type, flags, streamId, payload));
    if (this.#bytes > MAX_BYTES) throw new ConnectionError("ENHANCE_YOUR_CALM", "too much before the first request");
  }

  /** What the other engine is to read, and after it what came since. */
  replay(rest: Buffer): Buffer {
    return Buffer.concat([...this.#frames, rest]);
  }
}
