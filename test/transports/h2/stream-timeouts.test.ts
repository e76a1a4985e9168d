/** The deadlines of streams: what goes wrong in one ends its connection, and nothing else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import { systemClock } from "../../../src/core/clock.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import { eventually } from "../../support/eventually.js";
import { FLAG, h2frame, headerBlock, RawPeer, TYPE } from "../../support/raw-http2.js";

const POST = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
] as const;

test("an error of ours at the deadline of a request ends its connection, and not the process", async (t) => {
  const ms = 60_000;
  const noWallTime = () => {
    throw new Error("no wall time");
  };
  const engine = createH2Engine({
    ...{ clock: { ...systemClock, wallTime: noWallTime }, random: Math.random, instance: "timeouts" },
    ...{ service: undefined, reflection: undefined, statusCodePaths: [], pool: new SharedBytesPool() },
    times: {
      ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
      ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: ms, requestTimeoutMs: 20, answerTimeoutMs: ms },
    },
    responder: { tooManyBodyBytes: 10, wantsBody: () => true, answer: () => {} },
  });
  const faults: unknown[] = [];
  t.after(subscribe("fault", ({ instance, error }) => instance === "timeouts" && faults.push(error)));
  const server = createServer((socket) => engine.accept(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  t.after(() => void server.close());
  await once(server, "listening");
  // a server that listens on a port has an address with one
  const peer = new RawPeer((server.address() as AddressInfo).port);
  t.after(() => peer.close());
  await peer.greet();
  peer.write(h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(POST)));
  await eventually(() => peer.goAway() === "INTERNAL_ERROR", "the connection is ended", 5_000);
  assert.deepEqual(faults.map(String), ["Error: no wall time"]);
});
