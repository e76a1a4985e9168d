/**
 * Requests of chance as one connection's bytes: their frames cut, padded and mixed as HTTP/2 allows.
 *
 *     HEADERS | HEADERS, CONTINUATION, ...     with padding, with a priority
 *     DATA | DATA, DATA, ...                   with padding, the last with END_STREAM
 *     between the frames of different streams: PING, WINDOW_UPDATE, SETTINGS, PRIORITY, frames of unknown types
 */
import { encodeHeaders } from "../../src/wire/http2/hpack-encoder.js";
import { FLAG, h2frame, PREFACE, TYPE } from "../support/raw-http2.js";
import type { SeededRandom } from "../support/seeded-random.js";
import { drawRequest, type Request } from "./requests.js";

const PADDED = 0x8;
const HAS_PRIORITY = 0x20;

/** What is said on one connection. */
export interface Conversation {
  /** By the identifiers of their streams. */
  readonly requests: ReadonlyMap<number, Request>;
  readonly bytes: Buffer;
}

/** What a conversation is made of. */
interface Parts {
  readonly draw: (random: SeededRandom) => Request;
  /** Frames after the acknowledgement of the server's SETTINGS. */
  readonly opening: Buffer;
}

/** Draws a conversation. */
export function drawConversation(
  random: SeededRandom,
  { draw, opening }: Parts = { draw: drawRequest, opening: Buffer.alloc(0) },
): Conversation {
  const requests = new Map<number, Request>();
  for (let count = 1 + Math.floor(random.next() * 6); count > 0; count -= 1)
    requests.set(2 * requests.size + 1, draw(random));
  const queues = [...requests].map(([streamId, request]) => framesOf(random, streamId, request));
  const frames: Buffer[] = [];
  // streams begin in the order of their identifiers; after that they are mixed
  let begun = 0;
  while (queues.some((queue) => queue.length > 0)) {
    if (random.next() < 0.15) frames.push(between(random));
    const which = Math.floor(random.next() * Math.min(queues.length, begun + 1));
    const block = queues[which]?.shift();
    if (block === undefined) continue;
    if (which === begun) begun += 1;
    frames.push(block);
  }
  return { requests, bytes: Buffer.concat([PREFACE, h2frame(TYPE.SETTINGS, 0, 0), ACKNOWLEDGED, opening, ...frames]) };
}

const ACKNOWLEDGED = h2frame(TYPE.SETTINGS, FLAG.ACK, 0);

/** The frames of a request; a header block is one of them, since nothing may come between its parts. */
function framesOf(random: SeededRandom, streamId: number, { fields, body }: Request): Buffer[] {
  const encoded = fields.map(([name, value]) => [name, Buffer.from(value).toString("latin1")] as const);
  const frames = [headersOf(random, streamId, encodeHeaders(encoded), body === undefined)];
  if (body === undefined) return frames;
  const parts = cut(random, body, random.pick([1, 1, 1, 3, 8]));
  for (const [index, part] of parts.entries()) frames.push(dataOf(random, streamId, part, index === parts.length - 1));
  return frames;
}

function headersOf(random: SeededRandom, streamId: number, block: Buffer, ends: boolean): Buffer {
  const parts = cut(random, block, random.pick([1, 1, 1, 2, 5]));
  const [first = Buffer.alloc(0), ...others] = parts;
  let flags = ends ? FLAG.END_STREAM : 0;
  let payload = first;
  if (random.next() < 0.2) {
    flags |= HAS_PRIORITY;
    payload = Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), payload]);
  }
  if (random.next() < 0.2) {
    flags |= PADDED;
    payload = padded(random, payload);
  }
  const isLast = (index: number) => (index === parts.length - 1 ? FLAG.END_HEADERS : 0);
  const frames = [h2frame(TYPE.HEADERS, flags | isLast(0), streamId, payload)];
  for (const [index, part] of others.entries())
    frames.push(h2frame(TYPE.CONTINUATION, isLast(index + 1), streamId, part));
  return Buffer.concat(frames);
}

function dataOf(random: SeededRandom, streamId: number, part: Buffer, ends: boolean): Buffer {
  const flags = ends ? FLAG.END_STREAM : 0;
  return random.next() < 0.2
    ? h2frame(TYPE.DATA, flags | PADDED, streamId, padded(random, part))
    : h2frame(TYPE.DATA, flags, streamId, part);
}

function padded(random: SeededRandom, payload: Buffer): Buffer {
  const length = Math.floor(random.next() * 256);
  return Buffer.concat([Buffer.from([length]), payload, Buffer.alloc(length)]);
}

/** A frame that asks nothing. */
function between(random: SeededRandom): Buffer {
  return random.pick([
    h2frame(TYPE.PING, 0, 0, Buffer.from("fuzzfuzz")),
    h2frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 1, 0])),
    h2frame(TYPE.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 1])),
    h2frame(0x77, 0xff, 0, Buffer.from("an extension")),
    h2frame(TYPE.SETTINGS, 0, 0, Buffer.from([0, 1, 0, 0, 0, 0])),
  ]);
}

function cut(random: SeededRandom, bytes: Buffer, parts: number): Buffer[] {
  const places = Array.from({ length: parts - 1 }, () => Math.floor(random.next() * (bytes.length + 1)));
  const edges = [0, ...places.sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}
