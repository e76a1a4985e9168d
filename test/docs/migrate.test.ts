/** docs/library/migrate.md: its snippets do what the page says, and its cases are the titles of the tests. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { HealthClient } from "../../src/health-client.js";
import { eventually, inTime } from "../support/eventually.js";
import { tableOf } from "../support/readme.js";
import { ask, type Running, testSnippets } from "./running-snippets.js";
import { path, readPage } from "./snippets.js";

const PAGE = readPage("migrate");

const answers = (running: Running, target: string, expected: string) =>
  eventually(async () => (await ask(running, target)) === expected, `${expected}: ${running.output()}`);

async function endsBySigterm(running: Running, whileDraining: readonly (readonly [string, string])[]): Promise<void> {
  const ended = once(running.process, "close");
  running.process.kill("SIGTERM");
  for (const [target, expected] of whileDraining) await answers(running, target, expected);
  assert.deepEqual(await inTime(ended, "the end"), [null, "SIGTERM"]);
  assert.match(running.output(), /^the pool is closed$/m);
}

/** What each snippet does, in the order of the page, by a word of it. */
const EXPECTED: Readonly<Record<string, (running: Running) => Promise<void>>> = {
  async HealthImplementation({ port, output }) {
    const client = new HealthClient(`127.0.0.1:${port}`);
    const isServing = async () => (await client.check().catch(() => "")) === "SERVING";
    await eventually(isServing, `SERVING: ${output()}`);
    assert.equal(await client.check("acme.Orders"), "NOT_SERVING");
    await client.close();
  },
  async attach(running) {
    await answers(running, "/healthcheck", "200 OK");
    await answers(running, "/healthcheck/db", "200 OK");
    await answers(running, "/orders", "200 orders");
    await endsBySigterm(running, [
      ["/healthcheck", "503 NOT_SERVING"],
      ["/orders", "200 orders"],
    ]);
  },
  async waitFor(running) {
    await answers(running, "/readyz", "200 OK");
    assert.match(running.output(), /^migrated$/m);
    await endsBySigterm(running, [
      ["/readyz", "503 NOT_SERVING"],
      ["/livez", "200 OK"],
    ]);
  },
  async processPressure(running) {
    await answers(running, "/status", "200 OK");
    await answers(running, "/healthcheck/process", "200 OK");
    await answers(running, "/orders", "200 orders");
  },
  async connect({ process, output }) {
    await once(process, "close");
    assert.equal(output(), "NOT_SERVING\nSERVING\n");
  },
  async indicator({ process, output }) {
    await once(process, "close");
    assert.equal(output(), "SERVING\n");
  },
};

testSnippets("migrate", EXPECTED, { "drainDelayMs: 5_000": "drainDelayMs: 1_000" });

describe("the cases of docs/library/migrate.md", () => {
  const ROWS = new Map(tableOf(PAGE, "peer-cases").map(([number = "", , , tests = ""]) => [number, tests]));

  /** The test files whose titles end with the number of a case in brackets, alone or beside others. */
  const titles = new Map<string, string[]>();
  for (const file of readdirSync(path("test"), { recursive: true, encoding: "utf8" }).sort()) {
    if (!file.endsWith(".test.ts")) continue;
    const text = readFileSync(path(`test/${file}`), "utf8");
    const numbers = [...text.matchAll(/((?: ?\[[A-Z]\d+(?:, [A-Z]\d+)*\])+)["`],/g)].flatMap(([, list = ""]) => [
      ...list.matchAll(/[MLUYS]\d+/g),
    ]);
    for (const number of new Set(numbers.map(([each]) => each)))
      titles.set(number, [...(titles.get(number) ?? []), `[${basename(file)}](../../test/${file})`]);
  }

  test("each has the tests whose titles name it", () => {
    for (const [number, tests] of ROWS)
      assert.deepEqual(
        tests.split(", "),
        (titles.get(number) ?? []).filter((link) => tests.includes(link) || !number.startsWith("S")),
        number,
      );
  });

  test("each number of terminus, lightship, under-pressure and cloud-health in a title has its row", () => {
    assert.ok(ROWS.size >= 22 && titles.size >= 22, `${ROWS.size} rows, ${titles.size} titles`);
    assert.deepEqual(
      [...titles.keys()].filter((number) => /^[MLUY]/.test(number) && !ROWS.has(number)),
      [],
    );
  });

  test("each link leads to a file that exists, once", () => {
    for (const [number, tests] of ROWS) assert.equal(new Set(tests.split(", ")).size, tests.split(", ").length, number);
  });
});
