/**
 * One way to break HTTP/2, and the frames that such ways are made of.
 */
import { frame, HEALTH, request } from "../support/grpc-peer.js";
import { callHeaders, FLAG, type Http2Error, h2frame, headerBlock, TYPE, uint32 } from "../support/raw-http2.js";

/** What comes of bad frames. */
export type Outcome = `GOAWAY ${Http2Error}` | `RST_STREAM ${Http2Error}` | "closed";

/** What was said on the connection before: nothing, SETTINGS only, or a Watch that is open on stream 1. */
export type Opening = "nothing" | "greeting" | "watch";

/** One way to break the protocol. */
export interface BadFrames {
  /** The number of the row. */
  readonly row: string;
  readonly what: string;
  readonly bytes: () => Buffer;
  readonly outcomes: readonly Outcome[];
  /** Default: a greeting, and on another connection a Watch. */
  readonly after?: readonly Opening[];
  /** The stream that is broken. Default 3. */
  readonly stream?: number;
  /** The request was whole before anything was broken, and may have its answer. */
  readonly mayAnswer?: boolean;
  /** Sent where TLS is spoken. */
  readonly onTlsPort?: boolean;
}

const CHECK = `${HEALTH}/Check`;
/** The stream that is broken, unless a kind says another. */
export const BROKEN = 3;
const CANCEL = 8;

/** The header block of a call. */
export const requestBlock = (path = CHECK): Buffer => headerBlock(callHeaders(path));
/** The HEADERS of a call. */
export const head = (stream = BROKEN, path = CHECK): Buffer =>
  h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, requestBlock(path));
/** The body of a call, and its end. */
export const body = (stream = BROKEN, service = ""): Buffer =>
  h2frame(TYPE.DATA, FLAG.END_STREAM, stream, frame(request(service)));
/** A whole Check of the server as a whole, which answers SERVING. */
export const check = (stream = BROKEN): Buffer => Buffer.concat([head(stream), body(stream)]);
/** A whole Watch of a service. */
export const watch = (stream: number, service: string): Buffer =>
  Buffer.concat([head(stream, `${HEALTH}/Watch`), body(stream, service)]);

/** DATA of zeros. */
export const data = (length: number, flags = 0): Buffer => h2frame(TYPE.DATA, flags, BROKEN, Buffer.alloc(length));
/** WINDOW_UPDATE. */
export const widen = (stream: number, increment: number): Buffer =>
  h2frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(increment));
/** Cancels a call. */
export const cancel = (stream: number): Buffer => h2frame(TYPE.RST_STREAM, 0, stream, uint32(CANCEL));
/** SETTINGS with one of them. */
export const setting = (id: number, value: number): Buffer =>
  h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, id]), uint32(value)]));
/** So many frames, one after the other. */
export const times = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
/** The streams that a client opens after those of the opening. */
export const streamId = (index: number): number => BROKEN + 2 * index;
