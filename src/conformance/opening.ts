/**
 * The first octets of a server that does not speak HTTP/2. They name the protocol that it speaks.
 *
 * Read as the header of a frame, those of other protocols announce a frame that is too long.
 */

/** As many octets as show which protocol it is. */
const OPENING_BYTES = 24;

const TLS_ALERT = 21;
const TLS_MAJOR_VERSION = 3;

export class Opening {
  #bytes: Buffer = Buffer.alloc(0);

  /** Keeps the first octets. */
  read(bytes: Buffer): void {
    if (this.#bytes.length < OPENING_BYTES)
      this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(0, OPENING_BYTES)]);
  }

  /**
   * How a server of TLS answers what is not TLS (RFC 8446, sections 5.1 and 6). An alert is shorter than the header of a
   * frame, and may be all that the server sends.
   */
  get isTlsAlert(): boolean {
    return this.#bytes[0] === TLS_ALERT && this.#bytes[1] === TLS_MAJOR_VERSION;
  }

  describe(): string {
    const text = this.#bytes.toString("latin1");
    if (text.startsWith("HTTP/1.")) return "the server answers in HTTP/1";
    if (this.isTlsAlert) return "the server requires TLS (try --tls)";
    return `the server does not speak HTTP/2: it begins with ${JSON.stringify(text)}`;
  }
}
