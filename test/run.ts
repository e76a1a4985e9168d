/**
 * Runs a suite of tests: `node --import tsx test/run.ts SUITE [WORD...]`.
 *
 * With words, only the files whose path contains one of them. A terminal shows a progress line, a pipe one line for each
 * file. The end shows the failures and the slowest files, and the last line is `N passed, N failed`. A file that crashes,
 * hangs or has no test is a failure, and so is a skipped test.
 */
import { appendFileSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative, sep } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { Progress } from "./support/progress.js";

interface Suite {
  readonly has: (file: string) => boolean;
  /** Files that run at the same time. */
  readonly concurrency: number;
  /** Files that run one after the other, when all others are done. */
  readonly alone?: readonly string[];
  /** Milliseconds that one file may take. */
  readonly fileTimeoutMs: number;
}

const APART = ["interop", "faults", "fuzz", "sim", "soak"];

const SUITES: Readonly<Record<string, Suite>> = {
  hermetic: {
    has: (file) => !APART.includes(file.split("/")[0] ?? ""),
    concurrency: availableParallelism() + 1, // a file waits for timers and processes in a part of its time
    fileTimeoutMs: 240_000,
  },
  sim: { has: (file) => file.startsWith("sim/"), concurrency: 2, fileTimeoutMs: 20 * 60_000 },
  fuzz: {
    has: (file) => file.startsWith("fuzz/"),
    concurrency: 2,
    alone: ["fuzz/client/client.test.ts"], // it holds probes to their deadlines
    fileTimeoutMs: 30 * 60_000,
  },
  faults: {
    has: (file) => file.startsWith("faults/"),
    concurrency: 2,
    alone: ["faults/descriptors.test.ts", "faults/starved.test.ts"], // they measure what a share of the machine is enough for
    fileTimeoutMs: 10 * 60_000,
  },
  soak: { has: (file) => file.startsWith("soak/"), concurrency: 1, fileTimeoutMs: 10 * 60_000 },
  interop: {
    has: (file) => file.startsWith("interop/"),
    concurrency: 2,
    alone: ["interop/package.test.ts"], // it builds dist/, whose programs the others start
    fileTimeoutMs: 20 * 60_000,
  },
};

const here = fileURLToPath(new URL(".", import.meta.url));

function testFiles(suite: Suite, words: readonly string[]): string[] {
  return readdirSync(here, { recursive: true, encoding: "utf8" })
    .map((file) => file.split(sep).join("/"))
    .filter((file) => file.endsWith(".test.ts") && suite.has(file))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
}

/** The events of a run of files: first of those that run at the same time, then of those that run alone. */
async function* eventsOf({ alone = [], concurrency, fileTimeoutMs }: Suite, files: readonly string[]) {
  const groups = [
    { files: files.filter((file) => !alone.includes(file)), concurrency },
    { files: files.filter((file) => alone.includes(file)), concurrency: 1 },
  ];
  for (const group of groups)
    if (group.files.length > 0)
      yield* run({ ...group, files: group.files.map((file) => `${here}${file}`), timeout: fileTimeoutMs });
}

async function runSuite(name: string, words: readonly string[]): Promise<boolean> {
  const suite = SUITES[name];
  if (suite === undefined)
    throw new Error(`unknown suite ${JSON.stringify(name)}; known: ${Object.keys(SUITES).join(", ")}`);
  const files = testFiles(suite, words);
  const progress = new Progress(files.length, process.stdout);
  for await (const event of eventsOf(suite, files)) {
    switch (event.type) {
      case "test:pass":
      case "test:fail":
        progress.onTest(event.type === "test:pass", event.data, (file) => relative(here, file));
        break;
      case "test:complete":
        if (event.data.name === event.data.file)
          progress.onFile(relative(here, event.data.file), event.data.details.duration_ms);
        break;
      case "test:stderr":
      case "test:stdout":
        progress.onOutput(event.data.message);
        break;
    }
  }
  const { passed, failures } = progress.finish();
  const failed = failures.length;
  const { TEST_TOTALS, TEST_FAILURES } = process.env;
  if (TEST_TOTALS !== undefined) appendFileSync(TEST_TOTALS, `${name} ${passed} ${failed}\n`);
  if (TEST_FAILURES !== undefined) appendFileSync(TEST_FAILURES, failures.map((failure) => `${failure}\n`).join(""));
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0;
}

const [name = "hermetic", ...words] = process.argv.slice(2);
// a reporter of node:test sets its own exit code: replace it
const ok = await runSuite(name, words);
process.exit(ok ? 0 : 1);
