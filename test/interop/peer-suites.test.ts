/**
 * Other implementations' own tests of their health service, run against healthbridge: their clients and assertions, our servers.
 *
 * The tests are fetched, and not part of this repository. docs/peer-cases.md says what they are, and lists the cases of suites
 * that cannot run here. The numbers here fail when a fetched suite has fewer tests than it should.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pythonBin } from "./install.js";
import { debianSource } from "./peer-suites/fetch.js";
import { grpcGoSuite, patched } from "./peer-suites/grpc-go.js";
import { run } from "./peers.js";

const ADAPTER = fileURLToPath(new URL("peer-suites/adapter.js", import.meta.url));
const RUN_GRPCIO = fileURLToPath(new URL("peer-suites/grpcio/run_suite.py", import.meta.url));

describe("grpc-go's test/healthcheck_test.go passes", { concurrency: true }, () => {
  let program = "";
  before(() => {
    program = grpcGoSuite();
  });

  /** The tests of the health server, and those of the client that call no other service. */
  const HEALTH = "Watch|Check(Failure|Off|Serving|Success|Unregister|WatchState|Without)";
  /** All but two, about answers that no server of ours gives: TestUnknownHandler, and a Watch that ends with OK. */
  const ALL = "Watch|Check([^C]|ChannelzCountingCallFailure)";
  const MODES = [
    { mode: "native", which: HEALTH, count: 14, args: [] },
    { mode: "grpc-js", which: HEALTH, count: 14, args: [] },
    { mode: "thread", which: HEALTH, count: 14, args: ["-only_env", "tcp-tls"] },
    { mode: "application", which: ALL, count: 21, args: [] },
  ];
  for (const { mode, which, count, args } of MODES)
    test(`against ${mode}: ${count} tests [G6, G7, G8, G9, G10, G12, G13, G14, G15]`, async () => {
      const env = { HEALTHBRIDGE_NODE: process.execPath, HEALTHBRIDGE_ADAPTER: ADAPTER, HEALTHBRIDGE_MODE: mode };
      const { code, stdout } = await run(program, ["-test.v", "-test.run", `^Test$/^Health(${which})`, ...args], env);
      assert.equal(code, 0, stdout);
      assert.equal(stdout.match(/^ +--- PASS: Test\/Health/gm)?.length, count, stdout);
    });
});

test("a version of a suite that the replacements do not fit is refused", () => {
  const replacement = { pattern: /a+/g, by: "b", times: 2 };
  assert.equal(patched("aa c a", [replacement]), "b c b");
  for (const source of ["c", "a c", "a c a c a"])
    assert.throws(() => patched(source, [replacement]), /\/a\+\/g matches \d times, and must match 2 times/);
});

describe("grpcio's tests/health_check and tests_aio/health_check pass", { concurrency: true }, () => {
  let python = "";
  let folder = "";
  before(() => {
    python = join(pythonBin(), "python");
    folder = debianSource("grpc", "src/python/grpcio_tests");
  });

  for (const mode of ["native", "grpc-js", "application"])
    test(`against ${mode}: 18 tests with threads, and 13 with asyncio [P2, P3]`, async () => {
      const { code, stdout } = await run(python, [RUN_GRPCIO, folder, process.execPath, ADAPTER, mode]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^Ran 31 tests in /m);
    });
});
