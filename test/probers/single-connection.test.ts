import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { BrokenCall } from "../../src/client/broken-call.js";
import type { SocketListener } from "../../src/client/target-socket.js";
import { fail, PASS, type ProbeResult } from "../../src/probers/prober.js";
import { systemDeps } from "../../src/probers/schemes.js";
import { openSingleConnection } from "../../src/probers/single-connection.js";
import { contextOf } from "./probing.js";

for (const [what, result] of [
  ["passed", PASS],
  ["failed", fail("answer", "another answer")],
  ["thrown", new BrokenCall("closed", "it has ended")],
] as const)
  test(`a connection that the prober closes after a result that was ${what} reports no error`, async (t) => {
    const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const { port } = Object(server.address());
    const { clock, resolver, readBuffer } = systemDeps();
    const ends: unknown[] = [];
    const address = { host: "127.0.0.1", port, resolver, readBuffer, tls: undefined, closesByReset: true };
    const prober = openSingleConnection({ address, clock }, (socket) => {
      return new Promise<ProbeResult>((resolve, reject) => {
        const onReady = () => (result instanceof Error ? reject(result) : resolve(result));
        const listener: SocketListener = { onBytes: () => {}, onReady, onEnd: (error) => ends.push(error) };
        socket.listen(listener);
      });
    });
    const { outcome } = await prober.probe(contextOf(2_000, new AbortController().signal));
    assert.equal(outcome, what === "passed" ? "pass" : "fail");
    assert.deepEqual(ends, []);
  });
