/**
 * What clients say, broken: the server lives, keeps nothing, serves others all the while, and never answers SERVING to
 * what is no readable request.
 *
 * The server as a whole is SERVING, and every request that is broken here asks for `down`, which is not: an answer of
 * SERVING means that a request was read as another.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { frame, GrpcPeer, request } from "../support/grpc-peer.js";
import { notOutlive } from "../support/not-outlive.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE } from "../support/raw-http2.js";
import { SeededRandom } from "../support/seeded-random.js";
import { fuzz } from "./budget.js";
import { drawConversation } from "./conversation.js";
import { mutate } from "./mutation.js";
import type { Condition } from "./server.js";

const ROUND = 100;
const AT_ONCE = 20;

/** What broken clients may cost in memory, all in all. */
const MAX_GROWTH_BYTES = 150 * 1024 * 1024;

const CHECK = "/grpc.health.v1.Health/Check";

let child: ChildProcess | undefined;
let port = 0;
let errors = "";
let atFirst: Condition | undefined;
const captures: Buffer[] = [];

before(async () => {
  child = fork(fileURLToPath(new URL("server.ts", import.meta.url)), {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  notOutlive(child, () => child?.kill("SIGKILL"));
  child.stderr?.on("data", (text) => {
    errors += text;
  });
  [port] = (await once(child, "message")) as [number];
  captures.push(...(await capture()));
  atFirst = await condition();
});

after(() => void child?.kill());

async function condition(): Promise<Condition> {
  assert.ok(child?.connected === true && child.exitCode === null, `the server has ended: ${errors}`);
  const answer = once(child, "message");
  child.send("how are you?");
  const [found] = (await answer) as [Condition];
  return found;
}

/** What Node's own HTTP/2 client says, recorded between it and the server. */
async function capture(): Promise<Buffer[]> {
  const recorded: Buffer[] = [];
  const relay = createServer((socket) => {
    const upstream = connect(port, "127.0.0.1").on("error", () => {});
    const said: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => void said.push(bytes)).on("error", () => {});
    socket.on("close", () => recorded.push(Buffer.concat(said)));
    socket.pipe(upstream).pipe(socket);
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  const address = relay.address();
  assert.ok(typeof address === "object" && address !== null);
  for (const talk of [
    (peer: GrpcPeer) => peer.check("down"),
    async (peer: GrpcPeer) => {
      for (let count = 0; count < 5; count += 1) await peer.check("down");
    },
    (peer: GrpcPeer) => peer.watch("down").saw(2),
    (peer: GrpcPeer) => peer.call("/grpc.health.v1.Health/List", frame(Buffer.alloc(0))),
  ]) {
    const peer = new GrpcPeer(address.port);
    await talk(peer);
    peer.close();
  }
  await eventually(() => recorded.length === 4, "the captures");
  relay.close();
  return recorded;
}

/** Says something broken, and leaves. */
async function bother(random: SeededRandom): Promise<void> {
  const bytes = mutate(
    random,
    random.next() < 0.5 ? random.pick(captures as [Buffer]) : drawConversation(random).bytes,
  );
  const peer = new RawPeer(port);
  for (let at = 0; at < bytes.length && !peer.closed; ) {
    const length = random.next() < 0.7 ? bytes.length : 1 + Math.floor(random.next() * 200);
    peer.write(bytes.subarray(at, at + length));
    at += length;
    if (random.next() < 0.3) await new Promise(setImmediate);
  }
  await pause(random.pick([0, 5, 20]));
  peer.close();
}

test("broken frames end their connection only", async () => {
  const honest = new GrpcPeer(port);
  await fuzz(0.1, async (seed) => {
    const random = new SeededRandom(seed);
    for (let count = 0; count < ROUND; count += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => bother(random)));
      assert.equal((await honest.check("down")).status, 2, "an honest client is served");
    }
    assert.equal(errors, "");
    await eventually(async () => {
      const { connections, watchers } = await condition();
      return connections <= 1 && watchers === 0;
    }, "connections and watchers are back to zero");
    const { rssBytes } = await condition();
    assert.ok(rssBytes - (atFirst?.rssBytes ?? 0) < MAX_GROWTH_BYTES, `it has grown to ${rssBytes} bytes`);
  });
  honest.close();
});

/** A group may be in any message; no sender has used one for twenty years, and this reader does not read them. */
const UNDECIDED = Symbol("undecided");

/** The service that bytes ask for, read by the letter of protobuf's encoding; `undefined` when they are no message. */
function serviceOf(message: Buffer): string | typeof UNDECIDED | undefined {
  let service = "";
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      at += 1;
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    at = Number.POSITIVE_INFINITY;
    return 0n;
  };
  while (at < message.length) {
    const tag = varint();
    const kind = Number(tag & 7n);
    let start = at;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = Number(varint());
      start = at;
      at += length;
    } else if (kind === 3) return UNDECIDED;
    else return undefined;
    if (at > message.length || tag >> 3n === 0n || (tag >> 3n === 1n && kind !== 2)) return undefined;
    if (tag >> 3n === 1n) service = message.subarray(start, at).toString();
  }
  return service === "" ? "" : "another";
}

test("a broken message is never answered SERVING", async () => {
  await fuzz(0.05, async (seed) => {
    const random = new SeededRandom(seed);
    const peer = new RawPeer(port);
    peer.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0), h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
    const messages = new Map<number, Buffer>();
    for (let streamId = 1; streamId < 100; streamId += 2) {
      const message = mutate(random, request("down")).subarray(0, 100);
      messages.set(streamId, message);
      const head = h2frame(TYPE.HEADERS, FLAG.END_HEADERS, streamId, headerBlock(callHeaders(CHECK)));
      peer.write(head, h2frame(TYPE.DATA, FLAG.END_STREAM, streamId, frame(message)));
    }
    const ended = () =>
      peer.frames().filter(({ type, flags }) => type === TYPE.HEADERS && (flags & FLAG.END_STREAM) !== 0).length;
    await eventually(() => ended() === messages.size, "every answer");
    for (const [streamId, message] of messages) {
      if (!peer.data(streamId).equals(frame(Buffer.from("0801", "hex")))) continue;
      const service = serviceOf(message);
      assert.ok(service === "" || service === UNDECIDED, `SERVING was answered to ${message.toString("hex")}`);
    }
    peer.close();
  });
});
