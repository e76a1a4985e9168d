/** Flower for real, with the README's line: Redis, a Celery worker, Flower, healthbridge, grpc_health_probe. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { snippet } from "../support/readme.js";
import { debian, grpcHealthProbe, pythonBin } from "./install.js";
import { accepting, freePort, Running, run } from "./peers.js";

const APPLICATION = fileURLToPath(new URL("flower", import.meta.url));

/** What the settings below promise: an interval, two edge intervals, three timeouts. */
const [INTERVAL_MS, TIMEOUT_MS, THRESHOLD] = [2000, 1000, 3];
const JITTER = 1.1;
const PROMISED_MS = JITTER * (INTERVAL_MS + (THRESHOLD - 1) * INTERVAL_MS) + THRESHOLD * TIMEOUT_MS;

/** Before that the threshold can't have been reached: the last probe that counts has not begun. */
const EARLIEST_MS = (THRESHOLD - 1) * INTERVAL_MS * (2 - JITTER);

/** What the machine may add on a slow day. */
const SLACK_MS = 10_000;

describe("Flower", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const programs: Running[] = [];
  let daemon: DaemonProcess | undefined;
  let flower: Running | undefined;
  let flowerPort = 0;
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
  const startFlower = async (): Promise<void> => {
    const args = ["-A", "worker", "flower", "--address=127.0.0.1", `--port=${flowerPort}`];
    flower = start(join(pythonBin(), "celery"), args);
    await accepting(flowerPort);
  };
  /** What grpc_health_probe says of Flower. */
  const asked = async (): Promise<string> => {
    const { stderr } = await run(probe, ["-addr", `127.0.0.1:${daemon?.port}`, "-service", "flower"]);
    return stderr.trim();
  };
  const becomes = (text: string, withinMs: number) =>
    eventually(async () => (await asked()) === text, `grpc_health_probe says ${text}`, withinMs);
  const SERVING = "status: SERVING";
  const NOT_SERVING = 'service unhealthy (responded with "NOT_SERVING")';

  before(async () => {
    probe = grpcHealthProbe();
    const redisPort = await freePort();
    broker = `redis://127.0.0.1:${redisPort}/0`;
    start(debian("redis-server"), [
      "--port",
      String(redisPort),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      directory,
    ]);
    await accepting(redisPort);
    start(join(pythonBin(), "celery"), ["-A", "worker", "worker", "--concurrency=1", "--pool=solo"]);
    flowerPort = await freePort();
    await startFlower();
    const [, ...words] = snippet("flower").trim().replace("127.0.0.1:5555", `127.0.0.1:${flowerPort}`).split(" ");
    assert.equal(words.shift(), "serve");
    const settings = [
      "--listen",
      "127.0.0.1:0",
      "--interval",
      `${INTERVAL_MS}ms`,
      "--timeout",
      `${TIMEOUT_MS}ms`,
      "--drain-delay",
      "0s",
    ];
    daemon = await DaemonProcess.serve(...words, ...settings);
  });
  after(async () => {
    await daemon?.kill();
    for (const program of programs) await program.stop();
    rmSync(directory, { recursive: true });
  });

  test("healthy, it is SERVING", () => becomes(SERVING, 20_000));

  test("stopped (SIGSTOP), it is NOT_SERVING within the time that the settings promise", async () => {
    const stoppedAt = performance.now();
    flower?.signal("SIGSTOP");
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS);
    assert.ok(performance.now() - stoppedAt >= EARLIEST_MS, "not before the threshold is reached");
    flower?.signal("SIGCONT");
    await becomes(SERVING, PROMISED_MS + SLACK_MS);
  });

  test("killed, it is NOT_SERVING, and SERVING again when it is back", async () => {
    await flower?.stop();
    await becomes(NOT_SERVING, PROMISED_MS + SLACK_MS);
    await startFlower();
    await becomes(SERVING, PROMISED_MS + SLACK_MS);
  });

  test("HTTP says the same", async () => {
    const answer = await fetch(`http://127.0.0.1:${daemon?.port}/healthcheck/flower`);
    assert.deepEqual([answer.status, await answer.text()], [200, "OK"]);
  });
});
