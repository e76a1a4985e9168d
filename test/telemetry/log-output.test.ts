/** A log whose reader stops, goes away, or has no room loses lines and counts them; the process goes on. */
import assert from "node:assert/strict";
import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LogOutput, openSink } from "../../src/telemetry/log-output.js";
import { eventually } from "../support/eventually.js";

/** A stream whose reader a test stops. */
class Reader extends Writable {
  taken = 0;
  #isStopped = false;
  #goOn = () => {};

  override _write(bytes: Buffer, _encoding: unknown, done: (error?: Error) => void): void {
    this.taken += bytes.length;
    if (this.#isStopped) this.#goOn = done;
    else done();
  }

  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    this.#isStopped = false;
    this.#goOn();
  }
}

function outputTo(stream: Writable & { readonly fd?: number }) {
  const seen = { dropped: 0, flowing: [] as number[] };
  const output = new LogOutput(openSink(stream), {
    onDropped: (lines) => {
      seen.dropped += lines;
    },
    onFlowing: (lines) => void seen.flowing.push(lines),
  });
  return { output, seen };
}

const PROCESS = fileURLToPath(new URL("logging-process.ts", import.meta.url));
const LINE = `${"x".repeat(1_023)}\n`;

describe("a reader that stops", () => {
  test("makes at most 1 MiB wait; more lines are dropped and counted", () => {
    const reader = new Reader();
    const { output, seen } = outputTo(reader);
    reader.stop();
    for (let index = 0; index < 10_000; index += 1) output.write(LINE);
    assert.equal(reader.writableLength, 1024 * 1024);
    assert.equal(seen.dropped, 10_000 - 1_024);
  });

  test("gets one line with the number of dropped lines when it goes on", async () => {
    const reader = new Reader();
    const { output, seen } = outputTo(reader);
    reader.stop();
    for (let index = 0; index < 2_000; index += 1) output.write(LINE);
    assert.deepEqual(seen.flowing, []);
    reader.goOn();
    assert.equal(await output.flush(), true);
    output.write(LINE);
    assert.equal(await output.flush(), true);
    assert.deepEqual(seen.flowing, [2_000 - 1_024]);
  });

  test("delays the end by 250 ms at most", async () => {
    const reader = new Reader();
    const { output } = outputTo(reader);
    reader.stop();
    output.write(LINE);
    const startedAt = performance.now();
    assert.equal(await output.flush(), false);
    assert.ok(performance.now() - startedAt < 5_000);
  });
});

test("a reader that goes away loses every line, and ends nothing", async () => {
  const reader = new Reader();
  const { output, seen } = outputTo(reader);
  reader.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  for (let index = 0; index < 10; index += 1) output.write(LINE);
  assert.equal(await output.flush(), true);
  assert.equal(seen.dropped, 10);
});

describe("a file", () => {
  function fileOf(t: TestContext): { readonly path: string; readonly stream: Writable & { readonly fd: number } } {
    const path = join(tmpdir(), `healthbridge-log-${process.pid}-${performance.now()}`);
    const fd = openSync(path, "w");
    t.after(() => rmSync(path));
    return { path, stream: Object.assign(new Reader(), { fd }) };
  }

  test("has every line in order", async (t) => {
    const { path, stream } = fileOf(t);
    const { output, seen } = outputTo(stream);
    const lines = Array.from({ length: 500 }, (_, index) => `${index}\n`);
    for (const line of lines) output.write(line);
    assert.equal(await output.flush(), true);
    assert.equal(readFileSync(path, "utf8"), lines.join(""));
    assert.equal(seen.dropped, 0);
  });

  test("on a full disk loses lines, and takes them again when there is room", async (t) => {
    const { path, stream } = fileOf(t);
    // a descriptor that was opened for reading refuses each write, as a full disk does
    const broken = { ...fileOf(t), fd: openSync(path, "r") };
    const { output, seen } = outputTo(Object.assign(broken.stream, { fd: broken.fd }));
    for (let index = 0; index < 3; index += 1) output.write(LINE);
    await eventually(() => seen.dropped === 3, "dropped");
    assert.equal(await output.flush(), true);
    assert.ok(stream.writable);
  });
});

test("a file whose disk is full within a line loses that line, and the next one begins a line of its own", async (t) => {
  const path = join(tmpdir(), `healthbridge-log-torn-${process.pid}`);
  t.after(() => rmSync(path));
  // a process at its limit of file size gets a signal first, which this one ignores; then the write fails
  const command = ["-c", `trap '' XFSZ; exec "$0" "$@"`, process.execPath, "--import", "tsx", PROCESS];
  const child = spawn("/bin/sh", command, { stdio: ["ignore", openSync(path, "w"), "inherit", "ipc"] });
  t.after(() => void child.kill("SIGKILL"));
  await once(child, "message");
  const limit = (bytes: string) => execFileSync("prlimit", ["--pid", `${child.pid}`, `--fsize=${bytes}:unlimited`]);
  const write = async (lines: number): Promise<number> => {
    child.send(lines);
    const [{ dropped }] = await once(child, "message");
    return dropped;
  };
  limit("2500");
  assert.equal(await write(3), 1);
  limit("unlimited");
  assert.equal(await write(2), 1);
  const lengths = readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.length);
  assert.deepEqual(lengths, [999, 999, 500, 999, 999, 0]);
});

describe("a real pipe", () => {
  /** A process whose standard output is a pipe that is not read. */
  async function writer(t: TestContext) {
    const child = fork(PROCESS, {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    t.after(() => void child.kill("SIGKILL"));
    await once(child, "message");
    const write = async (lines: number): Promise<{ dropped: number; flowing: number; waiting: number }> => {
      child.send(lines);
      const [counts] = await once(child, "message");
      return counts;
    };
    const end = async (): Promise<number | null> => {
      const exit = once(child, "exit");
      child.send("end");
      return (await exit)[0];
    };
    assert.ok(child.stdout !== null);
    return { stdout: child.stdout, write, end };
  }

  test("that is not read holds 1 MiB, and the end does not wait for it", async (t) => {
    const { write, end } = await writer(t);
    for (let round = 1; round <= 3; round += 1) {
      const { dropped, waiting } = await write(2_000);
      assert.ok(waiting <= 1024 * 1024, `${waiting} bytes wait`);
      assert.ok(dropped > round * 2_000 - 1_300, `${dropped} are dropped`);
    }
    assert.equal(await end(), 3);
  });

  test("that is read again has what waited, and the end is orderly", async (t) => {
    const { stdout, write, end } = await writer(t);
    const { dropped } = await write(3_000);
    let bytes = 0;
    stdout.on("data", (chunk) => {
      bytes += chunk.length;
    });
    await eventually(() => bytes === (3_000 - dropped) * 1_000, "the rest is read");
    assert.equal((await write(1)).flowing, dropped);
    assert.equal(await end(), 0);
  });

  test("that is closed loses every line, and the process goes on", async (t) => {
    const { stdout, write, end } = await writer(t);
    stdout.destroy();
    assert.equal((await write(10)).dropped, 10);
    assert.equal((await write(10)).dropped, 20);
    assert.equal(await end(), 0);
  });
});
