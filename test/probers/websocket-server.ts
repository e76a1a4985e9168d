/** A WebSocket server that does what a test asks: the handshake, and frames by hand (RFC 6455). */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";

/** A frame of a server. */
export function serverFrame(first: number, payload: string | Buffer = "", isMasked = false): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : 4);
  head[0] = first;
  head[1] = (isMasked ? 0x80 : 0) | (bytes.length < 126 ? bytes.length : 126);
  if (head.length === 4) head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), bytes]);
}

export const TEXT = 0x81;
export const BINARY = 0x82;
export const CLOSE = 0x88;
export const PING = 0x89;

/** A frame that a client sent, without its mask. */
export interface ClientFrame {
  readonly first: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

/** What a server does. */
export interface WebSocketScript {
  /** The head of the answer, from the request and the right Sec-WebSocket-Accept. */
  readonly answer?: (request: string, accept: string) => string;
  /** Sent with the head. */
  readonly greeting?: Buffer;
  /** Gets each frame. By default, messages are echoed and a Close is answered. */
  readonly onFrame?: (frame: ClientFrame, socket: Socket) => void;
}

export function accepting(accept: string, ...more: string[]): string {
  const fields = ["HTTP/1.1 101 Switching Protocols", "Upgrade: WebSocket", "Connection: keep-alive, upgrade"];
  return [...fields, `Sec-WebSocket-Accept: ${accept}`, ...more, "", ""].join("\r\n");
}

function echo({ first, payload }: ClientFrame, socket: Socket): void {
  if (first === CLOSE) socket.end(serverFrame(CLOSE, payload));
  else if (first === TEXT || first === BINARY) socket.write(serverFrame(first, payload));
}

/** Serves a connection. */
export function webSocketServer({ answer, greeting, onFrame = echo }: WebSocketScript = {}): (socket: Socket) => void {
  return (socket) => {
    let received: Buffer = Buffer.alloc(0);
    let isOpen = false;
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (!isOpen) {
        const end = received.indexOf("\r\n\r\n");
        if (end === -1) return;
        const request = received.toString("latin1", 0, end);
        received = received.subarray(end + 4);
        isOpen = true;
        const [, key = ""] = /^sec-websocket-key: (.+)\r?$/im.exec(request) ?? [];
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        const head = answer === undefined ? accepting(accept) : answer(request, accept);
        socket.write(Buffer.concat([Buffer.from(head), greeting ?? Buffer.alloc(0)]));
      }
      for (let frame = frameOf(received); frame !== undefined; frame = frameOf(received)) {
        received = received.subarray(frame.end);
        onFrame(frame, socket);
      }
    });
  };
}

function frameOf(bytes: Buffer): (ClientFrame & { readonly end: number }) | undefined {
  if (bytes.length < 2) return undefined;
  const isMasked = ((bytes[1] ?? 0) & 0x80) !== 0;
  const short = (bytes[1] ?? 0) & 0x7f;
  const at = (short === 126 ? 4 : 2) + (isMasked ? 4 : 0);
  if (bytes.length < at) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < at + length) return undefined;
  const payload = Buffer.from(bytes.subarray(at, at + length));
  if (isMasked) for (let i = 0; i < length; i += 1) payload[i] = (payload[i] ?? 0) ^ (bytes[at - 4 + (i % 4)] ?? 0);
  return { first: bytes[0] ?? 0, isMasked, payload, end: at + length };
}
