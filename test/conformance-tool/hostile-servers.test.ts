/**
 * Against a hostile server the command ends in bounded time and memory, with a reason, an exit code, and nothing on the
 * terminal that the terminal would interpret.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { inTime } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { ATTACKS, hostileServer, type Mode } from "./hostile-servers.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

/** Adds the largest memory of the process to what it wrote. `maxRSS` would be that of this process, before `exec`. */
const PEAK = `data:text/javascript,import { readFileSync } from "node:fs";
process.on("exit", () => process.stderr.write(readFileSync("/proc/self/status", "utf8").match(/VmHWM.*/)[0]));`;

/** The time of one answer. */
const TIMEOUT = "500ms";

/** Rows of every kind, more than run at a time. All are tried by `npm run proof -- conformance`. */
const ROWS = [
  ...["check-unknown", "request-unreadable", "watch-first", "watch-independent", "list-agrees", "cancel"],
  ...["streams-many", "answer-text", "preface-bytes", "window-stream", "goaway", "stream-even", "survives"],
];
const FLAGS = process.env.CONFORMANCE_PROOF === undefined ? ROWS.flatMap((row) => ["--only", row]) : [];

/** Connecting 2 times, discovery 6 s, rows 19 s, and what a loaded machine adds. */
const MAX_MS = 40_000;

/** A run before a good server has some 60 MiB. Without bounds, a hostile one made it more than 1,000. */
const MAX_PEAK_MIB = 150;

const NOTHING_TRIED = /: no row could be tried: \S/;
const BROKEN = /^\d+ hold, [1-9]\d* break, \d+ not tried /m;

const MODES: readonly Mode[] = ["at once", "after a while"];

test("a hostile server costs bounded time and memory, and its bytes do not reach the terminal", {
  concurrency: 2, // a good answer must come within the timeout
}, async (context) => {
  const health = new Health();
  const good = await health.listen(["127.0.0.1:0"]);
  const cases = Object.entries(ATTACKS).flatMap(([name, attack]) => MODES.map((mode) => ({ name, attack, mode })));
  await Promise.all(
    cases.map(({ name, attack, mode }) =>
      context.test(`a server that, ${mode}, ${name}`, async () => {
        const server = await hostileServer(attack, mode, portOf(good));
        try {
          const { code, output, peakMiB } = await run(server.port);
          assert.match(output, code === 3 ? NOTHING_TRIED : BROKEN);
          assert.ok(code === 1 || (code === 3 && mode === "at once"), `exit code ${code}: ${output}`);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
          assert.doesNotMatch(output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
          assert.doesNotMatch(output, /^holds +forged/m);
          assert.ok(peakMiB < MAX_PEAK_MIB, `${peakMiB} MiB`);
        } finally {
          await server.stop();
        }
      }),
    ),
  );
  await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
});

async function run(port: number) {
  const args = ["--import", PEAK, MAIN, "conformance", `127.0.0.1:${port}`, "--timeout", TIMEOUT, ...FLAGS];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  try {
    const [code] = await inTime(once(child, "close"), "the end of the run", MAX_MS);
    const output = Buffer.concat(chunks).toString("utf8");
    const [line, peakKiB] = /VmHWM:\s*(\d+) kB/.exec(output) ?? [""];
    return { code, output: output.replace(line, ""), peakMiB: Math.round(Number(peakKiB) / 1024) };
  } finally {
    child.kill("SIGKILL");
  }
}
