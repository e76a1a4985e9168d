/** A control program that misbehaves: the run ends in bounded time and memory, and so do the program and its children. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { ControlProgram } from "../../src/conformance/control.js";
import { ROWS } from "../../src/conformance/table.js";
import { keepAlive } from "../../src/core/background.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/index.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { type Changed, runTool } from "./tool.js";

const ANSWER_MS = 300;

let health: Health;
let address: string;

before(async () => {
  health = new Health();
  address = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
});

after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));

const start = (command: string) => new ControlProgram(command, systemClock, ANSWER_MS);

/** Command lines of processes that have a word in theirs. */
function processesWith(word: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // it has ended
      }
    })
    .filter((line) => line.includes(word));
}

describe("a control program", { concurrency: 4 }, () => {
  test("that does not answer is asked once", async () => {
    const program = start("cat > /dev/null");
    assert.deepEqual(await keepAlive(program.set("a", "SERVING")), {
      refused: 'it did not answer "set a SERVING" in time',
    });
    assert.deepEqual(await program.clear("a"), { refused: 'it did not answer "set a SERVING" in time' });
    await inTime(program.stop(), "its end");
  });

  test("may log without line breaks: its answers are found, and little is kept", async () => {
    const log = "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo ok; cat > /dev/null";
    const program = new ControlProgram(log, systemClock, 20_000);
    const before = process.memoryUsage().heapUsed;
    assert.equal(await keepAlive(program.set("a", "SERVING")), "ok");
    assert.ok(process.memoryUsage().heapUsed - before < 30_000_000);
    await inTime(program.stop(), "its end");
  });

  test("is heard in any number of writes, and its other lines are ignored", async () => {
    const program = start(
      "printf 'okay\\nok'; sleep 0.1; printf '\\nno'; sleep 0.05; printf ' way\\r\\n  ok \\n'; cat > /dev/null",
    );
    const answers = [program.set("a", "SERVING"), program.set("b", "SERVING"), program.set("c", "SERVING")];
    assert.deepEqual(await keepAlive(Promise.all(answers)), ["ok", { refused: "way" }, "ok"]);
    await inTime(program.stop(), "its end");
  });

  test("cannot write to the terminal with its answer", async () => {
    const program = start("printf 'no \\033[2J\\n'; cat > /dev/null");
    assert.deepEqual(await keepAlive(program.set("a", "SERVING")), { refused: "\\u001b[2J" });
    await inTime(program.stop(), "its end");
  });

  for (const [what, command] of [
    ["that ignores SIGTERM", "trap '' TERM; echo CONTROL-1 > /dev/null; while :; do sleep 0.05; done"],
    ["whose child ignores SIGTERM", "(trap '' TERM; exec sleep 301.1) & cat > /dev/null"],
    ["that has ended, and whose child has not", "sleep 301.2 > /dev/null & exit 0"],
    ["whose child keeps its output open", "sleep 301.3 & exit 0"],
  ] as const)
    test(`${what} is ended with the run`, async () => {
      const program = start(command);
      await keepAlive(program.set("a", "SERVING"));
      await inTime(program.stop(), "its end", 3_000);
      const word = /301\.\d/.exec(command)?.[0] ?? "CONTROL-1";
      await eventually(() => processesWith(word).length === 0, `no process has ${word}`);
    });

  test("whose child has left its group does not hold up the end of the run", async () => {
    const program = start("setsid sleep 3 & exit 0");
    await keepAlive(program.set("a", "SERVING"));
    await inTime(program.stop(), "its end", 2_000);
  });

  test("that answers slowly ends its row, not the run", async () => {
    const set: Changed["set"] = async (service, status) => {
      health.set(service, status);
      await pause(9_000);
    };
    const rows = ROWS.filter(({ id }) => ["set-check", "ping"].includes(id));
    const startedAt = performance.now();
    const results = await runTool(address, { rows, changed: { set, clear: (service) => health.clear(service) } });
    assert.deepEqual(
      results.map(({ row, verdict }) => [row.id, verdict]),
      [
        ["set-check", { kind: "not-tried", why: "it took too long" }],
        ["ping", { kind: "holds" }],
      ],
    );
    assert.ok(performance.now() - startedAt < 8_000);
  });
});
