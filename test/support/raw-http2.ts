/**
 * HTTP/2 frames written by hand, for what a well-behaved client can't do: cut prefaces, single bytes, CONTINUATION.
 */
import { connect, type Socket } from "node:net";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 };

/** A frame. */
export function h2frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** A header block of literals that are not indexed (RFC 7541, 6.2.2). Names and values below 127 bytes. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Buffer {
  const parts = headers.map(([name, value]) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]),
  );
  return Buffer.concat(parts);
}

/** The headers of a call. */
export function callHeaders(path: string): readonly (readonly [string, string])[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

/** A connection on which frames are written and read as bytes. */
export class RawPeer {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("data", (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  write(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The frames that have come whole. */
  frames(): { type: number; flags: number; stream: number; payload: Buffer }[] {
    const frames = [];
    for (let at = 0; at + 9 <= this.received.length; ) {
      const length = this.received.readUIntBE(at, 3);
      if (at + 9 + length > this.received.length) break;
      frames.push({
        type: this.received[at + 3] ?? 0,
        flags: this.received[at + 4] ?? 0,
        stream: this.received.readUInt32BE(at + 5) & 0x7fffffff,
        payload: this.received.subarray(at + 9, at + 9 + length),
      });
      at += 9 + length;
    }
    return frames;
  }

  /** The content of the DATA frames of a stream. */
  data(stream: number): Buffer {
    const frames = this.frames().filter((frame) => frame.type === TYPE.DATA && frame.stream === stream);
    return Buffer.concat(frames.map(({ payload }) => payload));
  }

  close(): void {
    this.socket.destroy();
  }
}
