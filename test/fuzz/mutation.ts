/** Breaks a conversation: at its bytes, and at its frames. */
import type { SeededRandom } from "../support/seeded-random.js";

const HEADER_BYTES = 9;

/** A capture of what a client has said, broken in one to four places. */
export function mutate(random: SeededRandom, capture: Buffer): Buffer {
  let bytes = capture;
  for (let count = 1 + Math.floor(random.next() * 4); count > 0; count -= 1)
    bytes = random.pick(MUTATIONS)(random, bytes);
  return bytes;
}

type Mutation = (random: SeededRandom, bytes: Buffer) => Buffer;

const placeIn = (random: SeededRandom, bytes: Buffer): number => Math.floor(random.next() * bytes.length);

const flip: Mutation = (random, bytes) => {
  const flipped = Buffer.from(bytes);
  const at = placeIn(random, bytes);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
  return flipped;
};

const insert: Mutation = (random, bytes) => {
  const at = placeIn(random, bytes);
  const more = Buffer.from(
    Array.from({ length: 1 + Math.floor(random.next() * 20) }, () => Math.floor(random.next() * 256)),
  );
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
};

const remove: Mutation = (random, bytes) => {
  const at = placeIn(random, bytes);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random.next() * 20))]);
};

const truncate: Mutation = (random, bytes) => bytes.subarray(0, placeIn(random, bytes));

/** Changes frames: their order, how often they come, or a field of a header. */
const reframe: Mutation = (random, bytes) => {
  const [preface, frames] = splitFrames(bytes);
  const at = Math.floor(random.next() * frames.length);
  const other = Math.floor(random.next() * frames.length);
  const frame = frames[at];
  if (frame === undefined || frame.length < HEADER_BYTES) return bytes;
  switch (Math.floor(random.next() * 5)) {
    case 0:
      frames.splice(other, 0, frame);
      break;
    case 1:
      frames.splice(at, 1);
      break;
    case 2:
      [frames[at], frames[other]] = [frames[other] ?? frame, frame];
      break;
    case 3:
      frames.push(...Array.from({ length: 1 + Math.floor(random.next() * 50) }, () => frame));
      break;
    default:
      frames[at] = withField(random, frame);
  }
  return Buffer.concat([preface, ...frames]);
};

const MUTATIONS: [Mutation, ...Mutation[]] = [flip, insert, remove, truncate, reframe, reframe, reframe];

/** A frame with another length, type, flags or stream. */
function withField(random: SeededRandom, frame: Buffer): Buffer {
  const changed = Buffer.from(frame);
  const byte = Math.floor(random.next() * 256);
  switch (Math.floor(random.next() * 4)) {
    case 0:
      changed.writeUIntBE(Math.floor(random.next() * random.pick([10, 300, 0xff_ffff])), 0, 3);
      break;
    case 1:
      changed[3] = random.next() < 0.8 ? byte % 11 : byte;
      break;
    case 2:
      changed[4] = byte;
      break;
    default:
      changed.writeUInt32BE(random.pick([0, 1, 2, 3, 5, 7, 0x7fff_ffff, 0xffff_ffff]), 5);
  }
  return changed;
}

/** The preface, and the frames; what is no whole frame any more is the last. */
export function splitFrames(bytes: Buffer): [Buffer, Buffer[]] {
  const frames: Buffer[] = [];
  let at = Math.min(24, bytes.length);
  const preface = bytes.subarray(0, at);
  while (at + HEADER_BYTES <= bytes.length) {
    const end = Math.min(bytes.length, at + HEADER_BYTES + bytes.readUIntBE(at, 3));
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) frames.push(bytes.subarray(at));
  return [preface, frames];
}
