/** Sessions end by the close of their own protocol. The interop suite reads the logs of real servers. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { MAX_GOODBYE_MS } from "../../src/client/goodbyes.js";
import { Health } from "../../src/daemon/health.js";
import { openTarget } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { startStopwatch } from "../support/stopwatch.js";
import { FAKE_SERVERS } from "./fake-servers.js";
import { start, verdict } from "./probing.js";
import { Target } from "./targets.js";

/** What a client sends last, and the answer that it waits for. */
const GOODBYES = {
  redis: { last: "*1\r\n$4\r\nQUIT\r\n", answer: undefined },
  postgres: { last: "X\0\0\0\x04", answer: undefined },
  mysql: { last: "\x01\0\0\0\x01", answer: undefined },
  amqp: { last: "\0\x0a\0\x32\0\xc8\0\0\0\0\0\xce", answer: Buffer.from([1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, 0xce]) },
} as const;

/** A server that notes what each client said, and whether it said the whole goodbye before it left. */
async function bench(scheme: keyof typeof GOODBYES) {
  const { last, answer } = GOODBYES[scheme];
  const ends: string[] = [];
  let isSilent = false;
  let holds = false;
  const onConnection = (socket: Socket) => {
    let said = "";
    let answered = answer === undefined;
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
      if (answer === undefined || holds || !said.endsWith(last)) return;
      answered = true;
      socket.write(answer);
    });
    socket.on("end", () => {
      ends.push(said.endsWith(last) && answered ? "goodbye" : "lost");
      if (!holds) socket.end();
    });
    FAKE_SERVERS[scheme](socket, () => !isSilent);
  };
  const target = await Target.start(createServer({ allowHalfOpen: true }, onConnection));
  const silence = () => {
    isSilent = true;
  };
  const hold = () => {
    holds = true;
  };
  return {
    target,
    ends,
    silence,
    hold,
    url: `${scheme}://${scheme === "redis" ? "" : "me:pw@"}127.0.0.1:${target.port}`,
  };
}

for (const scheme of ["redis", "postgres", "mysql", "amqp"] as const)
  describe(`${scheme}: the goodbye of the protocol is said`, () => {
    test("after each probe without reuse", async () => {
      const { target, ends, url } = await bench(scheme);
      const prober = openTarget(url, undefined, { reuse: false });
      for (let round = 1; round <= 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await eventually(() => ends.length === round, "the connection has ended");
      }
      assert.deepEqual(ends, ["goodbye", "goodbye", "goodbye"]);
      await target.stop();
    });

    test("when a connection is replaced, and when the prober is closed", async () => {
      const { target, ends, url } = await bench(scheme);
      const prober = openTarget(url, undefined, { maxConnectionAge: 1 });
      for (let round = 1; round <= 2; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await eventually(() => ends.length === 1, "the first connection has ended");
      prober.close();
      await eventually(() => ends.length === 2, "the second connection has ended");
      assert.deepEqual(ends, ["goodbye", "goodbye"]);
      await target.disconnected();
      await target.stop();
    });

    test("when a check is removed, and at a shutdown, which waits for it", async () => {
      const { target, ends, url } = await bench(scheme);
      const health = new Health();
      for (const name of ["removed", "shut down"]) health.check(name, url);
      await eventually(
        () => ["removed", "shut down"].every((name) => health.status(name) === "SERVING"),
        "both are up",
      );
      health.removeCheck("removed");
      await eventually(() => ends.length === 1, "the first connection has ended");
      await health.shutdown();
      assert.deepEqual(ends, ["goodbye", "goodbye"]);
      await target.stop();
    });

    test("and a server that does not answer it delays a shutdown by half a second at most", async () => {
      const { target, hold, url } = await bench(scheme);
      hold();
      const health = new Health();
      health.check("server", url);
      await eventually(() => health.status("server") === "SERVING", "it is up");
      const startedAt = performance.now();
      const stop = startStopwatch();
      await health.shutdown();
      assert.ok(performance.now() - startedAt >= MAX_GOODBYE_MS - 10);
      assert.ok(stop() < MAX_GOODBYE_MS + 1_000);
      await target.stop();
    });

    test("also in the middle of a probe that is cancelled; the probe ends at once", async () => {
      const { target, ends, silence, url } = await bench(scheme);
      const prober = openTarget(url);
      assert.equal(await verdict(prober), "pass");
      silence();
      const abort = new AbortController();
      const probing = start(prober, abort.signal, 60_000);
      abort.abort();
      const stop = startStopwatch();
      assert.equal((await probing).reason, "timeout");
      assert.ok(stop() < 300);
      await eventually(() => ends.length === 1, "the connection has ended");
      await target.disconnected();
      await target.stop();
    });

    test("and does not keep the process alive", async () => {
      const { target, hold, url } = await bench(scheme);
      hold();
      const main = fileURLToPath(new URL("./goodbye-process.ts", import.meta.url));
      const child = spawn(process.execPath, ["--import", "tsx", main, url], { stdio: ["ignore", "pipe", "inherit"] });
      let output = "";
      child.stdout.on("data", (text) => {
        output += text;
      });
      await once(child, "close");
      const [result, stayedMs = Number.NaN] = JSON.parse(output);
      assert.equal(result, "pass");
      assert.ok(stayedMs < MAX_GOODBYE_MS - 100, `${stayedMs}`);
      await target.stop();
    });
  });
