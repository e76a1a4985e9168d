/** Our prober of gRPC, and `healthbridge watch`, before real servers: grpc-go, grpc-js, gRPC C++ and Python's grpcio. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cppProgram, goProgram, peerSource } from "../../bench/serving/build.js";
import { openTarget } from "../../src/probers/schemes.js";
import { RunningWatch } from "../cli/watch/running.js";
import { verdict } from "../probers/probing.js";
import { eventually, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { pythonBin } from "./install.js";
import { accepting, Running } from "./peers.js";

const PYTHON_SERVER = fileURLToPath(new URL("python/server.py", import.meta.url));

/** Each serves `a.B` on the port that it is given, and turns it over at SIGUSR2. */
const SERVERS: Readonly<Record<string, () => Promise<readonly [program: string, ...args: string[]]>>> = {
  "grpc-go": async () => [goProgram("grpc-go")],
  "grpc-js": async () => [process.execPath, peerSource("grpc-js/server.js")],
  "gRPC C++": async () => [cppProgram("cpp")],
  "Python's grpcio": async () => [join(pythonBin(), "python"), PYTHON_SERVER],
};

for (const [name, prepare] of Object.entries(SERVERS))
  describe(name, () => {
    test("is probed through a change, its end and a new start", async () => {
      const [program, ...args] = await prepare();
      const port = await freePort();
      const start = async () => {
        const server = new Running(program, [...args, String(port)]);
        await accepting(port);
        return server;
      };
      let server = await start();
      let changes = 0;
      const prober = openTarget(`grpc://127.0.0.1:${port}/a.B`);
      const unknown = openTarget(`grpc://127.0.0.1:${port}/unknown`);
      prober.onChange?.(() => {
        changes += 1;
      });
      try {
        for (let round = 0; round < 20; round += 1) assert.equal(await verdict(prober), "pass");
        assert.equal(await verdict(unknown), "fail service-unknown");
        // the Watch is opened by a pass; until it is there, a change is not reported
        await eventually(async () => {
          const before = changes;
          server.signal("SIGUSR2");
          await eventually(() => changes > before, "a change is reported", 500).catch(() => {});
          return changes > before;
        }, "the Watch reports a change");
        const found = [await verdict(prober)];
        const before = changes;
        server.signal("SIGUSR2");
        await eventually(() => changes > before, "the change back is reported");
        found.push(await verdict(prober));
        assert.deepEqual(found.sort(), ["fail not-serving", "pass"]);
        await server.stop();
        assert.equal(await verdict(prober), "fail refused");
        server = await start();
        await eventually(async () => (await verdict(prober)) === "pass", "the new start is seen");
      } finally {
        prober.close();
        unknown.close();
        await server.stop();
      }
    });

    test("is shown by watch through a change, its end and a new start", async () => {
      const [program, ...args] = await prepare();
      const port = await freePort();
      const server = new Running(program, [...args, String(port)]);
      await accepting(port);
      const watch = new RunningWatch([`:${port}`, "a.B", "unknown", "--interval", "500ms"]);
      try {
        await watch.writes(/ SERVING {10}a\.B$/);
        await watch.writes(/ SERVICE_UNKNOWN {2}unknown$/);
        server.signal("SIGUSR2");
        await watch.writes(/ NOT_SERVING {6}a\.B {2}\(was SERVING\)$/);
        await pause(1_000);
        assert.ok(!watch.lines.some((line) => /disconnected/.test(line)), watch.lines.join("\n"));
        await server.stop();
        await watch.writes(/ {2}disconnected: /);
        const other = new Running(program, [...args, String(port)]);
        await watch.writes(/ SERVING {10}a\.B {2}\(was NOT_SERVING\)$/).finally(() => other.stop());
      } finally {
        await watch.close();
        await server.stop();
      }
    });
  });
