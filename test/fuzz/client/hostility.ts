/** What a hostile target does with its answers. Each is done to one connection, from its first or a later answer on. */
import type { Socket } from "node:net";
import { pause } from "../../support/eventually.js";
import { PREFACE } from "../../support/raw-http2.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { mutate } from "../mutation.js";
import { breakFrames } from "../server/frames.js";

/** One connection of a prober, with the answer that a good target would send. */
interface Turn {
  readonly socket: Socket;
  readonly answer: Buffer;
  readonly random: SeededRandom;
}

const MAX_FLOOD_BYTES = 4 * 1024 * 1024;

async function flood({ socket, answer }: Turn, piece: Buffer): Promise<void> {
  socket.write(answer);
  const block = Buffer.concat(Array.from({ length: Math.ceil(65_536 / piece.length) }, () => piece));
  for (let sent = 0; sent < MAX_FLOOD_BYTES && socket.writable; sent += block.length) {
    if (!socket.write(block)) await pause(1);
  }
}

/** A socket of TLS can't send a reset: it is closed without the alert that TLS has for that. */
function reset(socket: Socket): void {
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

/** By name: what becomes of an answer. */
export const HOSTILITIES = {
  honest: ({ socket, answer }) => void socket.write(answer),
  bytes: ({ socket, answer, random }) => void socket.write(mutate(random, answer)),
  frames: ({ socket, answer, random }) =>
    void socket.write(breakFrames(random, Buffer.concat([PREFACE, answer])).subarray(PREFACE.length)),
  twice: ({ socket, answer }) => void socket.write(Buffer.concat([answer, answer])),
  silence: () => {},
  "half, then end": ({ socket, answer, random }) =>
    void socket.end(answer.subarray(0, Math.floor(random.next() * answer.length))),
  "half, then reset": ({ socket, answer, random }) => {
    socket.write(answer.subarray(0, Math.floor(random.next() * answer.length)));
    reset(socket);
  },
  "answer, then reset": ({ socket, answer }) => {
    socket.write(answer);
    reset(socket);
  },
  "byte by byte": async ({ socket, answer }) => {
    for (const byte of answer.subarray(0, 300)) {
      if (!socket.writable) return;
      socket.write(Buffer.from([byte]));
      await pause(1);
    }
  },
  "flood of the answer": (turn) => flood(turn, turn.answer.length === 0 ? Buffer.alloc(1) : turn.answer),
  "flood of zeros": (turn) => flood(turn, Buffer.alloc(1_024)),
  "flood of text": (turn) => flood(turn, Buffer.from("x-field: a value\r\n")),
  garbage: ({ socket, random }) =>
    void socket.write(Buffer.from(Array.from({ length: 300 }, () => Math.floor(random.next() * 256)))),
} as const satisfies Readonly<Record<string, (turn: Turn) => void | Promise<void>>>;

export type Hostility = keyof typeof HOSTILITIES;

export const HOSTILITY_NAMES = Object.keys(HOSTILITIES) as [Hostility, ...Hostility[]]; // the table has rows
