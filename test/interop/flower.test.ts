/**
 * Flower for real: Redis, two Celery workers, a Flower with the README's line and one with basic auth, healthbridge,
 * grpc_health_probe.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { snippet } from "../support/readme.js";
import { grpcHealthProbe, pythonBin } from "./install.js";
import { accepting, Running, run, startRedis } from "./peers.js";

const APPLICATION = fileURLToPath(new URL("flower", import.meta.url));

/** What the settings below promise: an interval, two edge intervals, three timeouts. */
const [INTERVAL_MS, TIMEOUT_MS, THRESHOLD] = [2000, 1000, 3];
const JITTER = 1.1;
const PROMISED_MS = JITTER * (INTERVAL_MS + (THRESHOLD - 1) * INTERVAL_MS) + THRESHOLD * TIMEOUT_MS;

/** Before that the threshold can't have been reached: the last probe that counts has not begun. */
const EARLIEST_MS = (THRESHOLD - 1) * INTERVAL_MS * (2 - JITTER);

/** The default of staleAfter with these settings. */
const STALE_AFTER_MS = 30_000;

/** What the machine may add on a slow day. */
const SLACK_MS = 10_000;

describe("Flower", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const programs: Running[] = [];
  let daemon: DaemonProcess | undefined;
  let flower: Running | undefined;
  let flowerPort = 0;
  let guarded: Running | undefined;
  let guardedPort = 0;
  const workers: Running[] = [];
  let redis: Running | undefined;
  let broker = "";
  let probe = "";

  const start = (program: string, args: readonly string[]): Running => {
    const running = new Running(program, args, {
      cwd: APPLICATION,
      env: { BROKER: broker, PYTHONDONTWRITEBYTECODE: "1" },
    });
    programs.push(running);
    return running;
  };
  const startFlower = async (port: number, ...settings: readonly string[]): Promise<Running> => {
    const args = ["-A", "worker", "flower", "--address=127.0.0.1", `--port=${port}`, ...settings];
    const running = start(join(pythonBin(), "celery"), args);
    await accepting(port);
    return running;
  };
  const startGuarded = () => startFlower(guardedPort, "--basic-auth=watcher:s3cret");
  /** What grpc_health_probe says of a service. */
  const asked = async (service: string): Promise<string> => {
    const { stderr } = await run(probe, ["-addr", `127.0.0.1:${daemon?.port}`, "-service", service]);
    return stderr.trim();
  };
  const becomes = (text: string, withinMs: number, service = "flower") =>
    eventually(
      async () => (await asked(service)).startsWith(text),
      `grpc_health_probe says ${text} of ${service}`,
      withinMs,
    );
  const SERVING = "status: SERVING";
  const NOT_SERVING = 'service unhealthy (responded with "NOT_SERVING")';
  const UNKNOWN = 'service unhealthy (responded with "UNKNOWN")';
  const [ONE, TWO] = ["celery.worker/one@here", "celery.worker/two@here"];

  before(async () => {
    probe = grpcHealthProbe();
    const redisPort = await freePort();
    broker = `redis://127.0.0.1:${redisPort}/0`;
    redis = await startRedis(redisPort);
    programs.push(redis);
    for (const name of ["one", "two"]) {
      const settings = ["--concurrency=1", "--pool=solo", `--hostname=${name}@here`];
      workers.push(start(join(pythonBin(), "celery"), ["-A", "worker", "worker", ...settings]));
    }
    flowerPort = await freePort();
    guardedPort = await freePort();
    flower = await startFlower(flowerPort);
    guarded = await startGuarded();
    const [, ...words] = snippet("flower").trim().replace("127.0.0.1:5555", `127.0.0.1:${flowerPort}`).split(" ");
    assert.equal(words.shift(), "serve");
    const checks = [
      "--check",
      `cluster=flower+http://watcher:s3cret@127.0.0.1:${guardedPort}`,
      "--check",
      `closed=flower+http://127.0.0.1:${flowerPort}`,
      "--check",
      `mistaken=flower+http://watcher:wrong@127.0.0.1:${guardedPort}`,
    ];
    const settings = [
      "--log-level",
      "debug",
      "--listen",
      "127.0.0.1:0",
      "--interval",
      `${INTERVAL_MS}ms`,
      "--timeout",
      `${TIMEOUT_MS}ms`,
      "--drain-delay",
      "0s",
    ];
    daemon = await DaemonProcess.serve(...words, ...checks, ...settings);
  });
  after(async () => {
    await daemon?.kill();
    for (const program of programs) await program.stop();
    rmSync(directory, { recursive: true });
  });

  test("a healthy Flower is SERVING", () => becomes(SERVING, 20_000));

  test("a stopped Flower (SIGSTOP) is NOT_SERVING within the time of its settings", async () => {
    const stoppedAt = performance.now();
    flower?.signal("SIGSTOP");
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS);
    assert.ok(performance.now() - stoppedAt >= EARLIEST_MS, "not before the threshold is reached");
    flower?.signal("SIGCONT");
    await becomes(SERVING, PROMISED_MS + SLACK_MS);
  });

  test("a killed Flower is NOT_SERVING, and SERVING again after its restart", async () => {
    await flower?.stop();
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS);
    flower = await startFlower(flowerPort);
    await becomes(SERVING, PROMISED_MS + SLACK_MS);
  });

  test("HTTP reports the same status", async () => {
    const answer = await fetch(`http://127.0.0.1:${daemon?.port}/healthcheck/flower`);
    assert.deepEqual([answer.status, await answer.text()], [200, "OK"]);
  });

  test("with Flower's API, each worker is a service, and so is the cluster", async () => {
    for (const service of ["cluster", ONE, TWO]) await becomes(SERVING, 20_000, service);
  });

  for (const [check, reason, advice] of [
    ["closed", "a Flower that keeps its API from strangers", /--basic-auth=.*FLOWER_UNAUTHENTICATED_API=true/],
    ["mistaken", "a Flower that wants another password", /refuses the name and password/],
  ] as const)
    test(`${reason} is NOT_SERVING, and the log says what to do`, async () => {
      await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS, check);
      const line = daemon?.log.find((line) => line.event === "probe" && line.check === check && line.reason === "auth");
      assert.match(String(line?.detail), advice);
      const warned = daemon?.log.filter(({ event, check: name }) => event === "check-advice" && name === check) ?? [];
      assert.deepEqual([warned[0]?.level, warned[0]?.reason], ["warn", "auth"]);
      assert.ok(warned.length <= 4, `at a change only: that Flower was stopped twice; warned ${warned.length} times`);
      assert.match(String(warned[0]?.msg), advice);
    });

  test("a killed worker is NOT_SERVING, and the other worker and the cluster stay SERVING", async () => {
    await workers[1]?.stop();
    // Flower notices after four seconds without a heartbeat
    await becomes(NOT_SERVING, 6_000 + PROMISED_MS + SLACK_MS, TWO);
    await becomes(SERVING, 0, ONE);
    await becomes(SERVING, 0, "cluster");
  });

  test("without Flower the workers keep their states until staleAfter; a new Flower brings them back", async () => {
    await guarded?.stop();
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS, "cluster");
    await becomes(SERVING, 0, ONE);
    for (const service of [ONE, TWO]) await becomes(UNKNOWN, STALE_AFTER_MS + SLACK_MS, service);
    guarded = await startGuarded();
    for (const service of ["cluster", ONE]) await becomes(SERVING, PROMISED_MS + SLACK_MS, service);
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS, TWO);
  });

  test("an outage of the broker is one change of the worker, and one back", async () => {
    const changes = () =>
      daemon?.log.filter(
        ({ event, name, subject }) => event === "transition" && subject === "service" && name === ONE,
      ) ?? [];
    const before = changes().length;
    redis?.signal("SIGSTOP");
    await eventually(() => changes().length > before, "the worker is noticed as offline or stale", 60_000);
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    redis?.signal("SIGCONT");
    await becomes(SERVING, 60_000, ONE);
    const seen = changes()
      .slice(before)
      .map(({ to }) => to);
    assert.ok(seen.length === 2 || (seen.length === 3 && seen.includes("UNKNOWN")), seen.join(" "));
    await becomes(SERVING, 60_000, "cluster");
  });

  test("without a worker the cluster is NOT_SERVING", async () => {
    await workers[0]?.stop();
    await becomes(NOT_SERVING, 6_000 + PROMISED_MS + SLACK_MS, ONE);
    await becomes(NOT_SERVING, 6_000 + PROMISED_MS + SLACK_MS, "cluster");
  });
});
