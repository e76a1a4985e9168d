/**
 * Breaks a conversation at its frames: each frame stays well-formed, but it comes too early, too late, twice, never, or
 * beside one that contradicts it. Bytes are broken elsewhere (`mutation.ts`).
 */
import { FLAG, h2frame, TYPE, uint32 } from "../../support/raw-http2.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { splitFrames } from "../mutation.js";

const WINDOW_STEPS = [0, 1, 5, 65_535, 0x7fff_ffff, 0xffff_ffff] as const;
const ERROR_CODES = [0, 1, 2, 5, 7, 8, 11, 0xffff_ffff] as const;
const SETTINGS = [
  [1, 0],
  [1, 4_096],
  [1, 0xffff_ffff],
  [2, 2],
  [3, 0],
  [4, 0],
  [4, 1],
  [4, 0x7fff_ffff],
  [4, 0x8000_0000],
  [5, 16_384],
  [5, 0xff_ffff],
  [5, 1],
  [6, 10],
  [0x77, 1],
] as const;

/** A conversation with one to six frames broken. Its preface stays. */
export function breakFrames(random: SeededRandom, bytes: Buffer): Buffer {
  const [preface, frames] = splitFrames(bytes);
  for (let count = 1 + Math.floor(random.next() * 6); count > 0; count -= 1) random.pick(BREAKS)(random, frames);
  return Buffer.concat([preface, ...frames]);
}

/** Changes a list of frames in place. */
type Break = (random: SeededRandom, frames: Buffer[]) => void;

const place = (random: SeededRandom, frames: readonly Buffer[]) => Math.floor(random.next() * (frames.length + 1));
const index = (random: SeededRandom, frames: readonly Buffer[]) => Math.floor(random.next() * frames.length);
const isStream = (frame: Buffer) => frame.length >= 9 && frame.readUInt32BE(5) !== 0;

/** A stream of the conversation, mostly. */
function streamOf(random: SeededRandom, frames: readonly Buffer[]): number {
  const streams = frames.filter(isStream).map((frame) => frame.readUInt32BE(5));
  if (random.next() < 0.1) return random.pick([0, 2, 999, 0x7fff_ffff]);
  return random.pick([1, ...streams]);
}

function insert(random: SeededRandom, frames: Buffer[], frame: Buffer): void {
  frames.splice(place(random, frames), 0, frame);
}

const reset: Break = (random, frames) => {
  const frame = h2frame(TYPE.RST_STREAM, 0, streamOf(random, frames), uint32(random.pick(ERROR_CODES)));
  insert(random, frames, frame);
};

/** The client opens everything and takes all of it back in the same write. */
const resetAll: Break = (random, frames) => {
  const streams = new Set(frames.filter(isStream).map((frame) => frame.readUInt32BE(5)));
  const code = uint32(random.pick(ERROR_CODES));
  frames.push(...[...streams].map((stream) => h2frame(TYPE.RST_STREAM, 0, stream, code)));
};

const windowUpdate: Break = (random, frames) => {
  const stream = random.next() < 0.3 ? 0 : streamOf(random, frames);
  insert(random, frames, h2frame(TYPE.WINDOW_UPDATE, 0, stream, uint32(random.pick(WINDOW_STEPS))));
};

const settings: Break = (random, frames) => {
  const pairs = Array.from({ length: 1 + Math.floor(random.next() * 3) }, () => {
    const [identifier, value] = random.pick<readonly [number, number]>(SETTINGS);
    return Buffer.concat([Buffer.from([0, identifier]), uint32(value)]);
  });
  insert(random, frames, h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat(pairs)));
};

const priority: Break = (random, frames) => {
  const payload = Buffer.concat([uint32(streamOf(random, frames)), Buffer.from([15])]);
  insert(random, frames, h2frame(TYPE.PRIORITY, 0, streamOf(random, frames), payload));
};

const goAway: Break = (random, frames) => {
  insert(random, frames, h2frame(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(random.pick(ERROR_CODES))])));
};

const drop: Break = (random, frames) => void frames.splice(index(random, frames), 1);

const double: Break = (random, frames) => {
  const frame = frames[index(random, frames)];
  if (frame !== undefined) insert(random, frames, frame);
};

const swap: Break = (random, frames) => {
  const [moved] = frames.splice(index(random, frames), 1);
  if (moved !== undefined) insert(random, frames, moved);
};

/** The half-close comes too early, or not at all. */
const toggleEnd: Break = (random, frames) => {
  const at = index(random, frames);
  const frame = frames[at];
  if (frame === undefined || frame.length < 9) return;
  const changed = Buffer.from(frame);
  changed[4] = (changed[4] ?? 0) ^ FLAG.END_STREAM;
  frames[at] = changed;
};

/** A header block in two parts, perhaps with a frame between them that must not be there. */
const splitHeaders: Break = (random, frames) => {
  const at = frames.findIndex((frame) => frame[3] === TYPE.HEADERS && frame[4] !== undefined && frame.length > 20);
  const frame = frames[at];
  if (frame === undefined) return;
  const stream = frame.readUInt32BE(5);
  const middle = 9 + Math.floor(random.next() * (frame.length - 9));
  const flags = frame[4] ?? 0;
  const first = h2frame(TYPE.HEADERS, flags & ~FLAG.END_HEADERS, stream, frame.subarray(9, middle));
  const between = random.next() < 0.2 ? [h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))] : [];
  const second = h2frame(TYPE.CONTINUATION, flags & FLAG.END_HEADERS, stream, frame.subarray(middle));
  frames.splice(at, 1, first, ...between, second);
};

/** The conversation ends within a frame. */
const cut: Break = (random, frames) => {
  const at = index(random, frames);
  const frame = frames[at];
  if (frame !== undefined)
    frames.splice(at, frames.length, frame.subarray(0, Math.floor(random.next() * frame.length)));
};

/** The same requests again and again, on new streams. */
const burst: Break = (random, frames) => {
  const requests = frames.filter(isStream);
  const last = Math.max(0, ...requests.map((frame) => frame.readUInt32BE(5) & 0x7fff_ffff));
  if (last > 100) return;
  for (let round = 1; round <= random.pick([1, 5, 40]); round += 1) {
    for (const frame of requests) {
      const copy = Buffer.from(frame);
      copy.writeUInt32BE((frame.readUInt32BE(5) + round * (last + 1)) & 0x7fff_ffff, 5);
      frames.push(copy);
    }
  }
};

const BREAKS: [Break, ...Break[]] = [
  ...([reset, reset, reset, resetAll, windowUpdate, windowUpdate, settings, settings, priority, goAway] as const),
  ...([drop, double, swap, toggleEnd, splitHeaders, cut, burst] as const),
];
