/** Section A4: what the process does with signals. */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { describe, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";

const LISTEN = ["--listen", "127.0.0.1:0"];

describe("the process", { concurrency: 2 }, () => {
  test("after SIGTERM every answer is NOT_SERVING at once, and no connection is refused before the delay is over [A73]", async () => {
    const daemon = await DaemonProcess.serve(...LISTEN, "--drain-delay", "1500ms");
    const peer = new GrpcPeer(daemon.port);
    try {
      const watch = peer.watch("");
      await watch.saw(1);
      daemon.process.kill("SIGTERM");
      const signalled = performance.now();
      await watch.saw(1, 2);
      assert.equal((await peer.check("")).status, 2);
      assert.equal((await fetch(`http://127.0.0.1:${daemon.port}/healthcheck`)).status, 503);
      const livez = () =>
        fetch(`http://127.0.0.1:${daemon.port}/livez`).then(
          ({ status }): number => status,
          (): "refused" => "refused",
        );
      let answer: number | "refused" = 200;
      while (answer === 200) answer = await livez();
      assert.equal(answer, "refused");
      assert.ok(performance.now() - signalled >= 1_500, "the delay is over");
      assert.equal((await watch.ended()).code, 14);
      assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    } finally {
      peer.close();
      await daemon.kill();
    }
  });

  test("SIGTERM with open Watch streams ends the process with code 0 [A74]", async () => {
    const daemon = await DaemonProcess.serve(...LISTEN, "--drain-delay", "0s");
    const peer = new GrpcPeer(daemon.port);
    const watches = Array.from({ length: 1000 }, () => peer.watch(""));
    await eventually(() => watches.every(({ statuses }) => statuses.length === 1), "every first message");
    daemon.process.kill("SIGTERM");
    for (const watch of watches) assert.equal((await watch.ended()).code, 14);
    assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
    peer.close();
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    test(`a second ${signal} ends the process at once with code ${code} [A76]`, async () => {
      const daemon = await DaemonProcess.serve(...LISTEN, "--drain-delay", "1m");
      const session = connect(`http://127.0.0.1:${daemon.port}`).on("error", () => {});
      daemon.process.kill(signal);
      await eventually(() => daemon.log.some(({ event }) => event === "draining"), "the drain begins");
      daemon.process.kill(signal);
      assert.deepEqual(await daemon.ended(10_000), { code, signal: null });
      session.destroy();
    });
  }

  test("SIGTERM without connections and without a delay ends the process at once [A79]", async () => {
    const daemon = await DaemonProcess.serve(...LISTEN, "--drain-delay", "0s");
    daemon.process.kill("SIGTERM");
    assert.deepEqual(await daemon.ended(5_000), { code: 0, signal: null });
  });
});
