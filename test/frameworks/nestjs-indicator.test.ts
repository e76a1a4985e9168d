/** Results of Terminus' indicators as results of a check. The real indicators run in test/interop/frameworks/nestjs.test.ts. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { nestIndicator } from "../../src/nestjs.js";
import { openFunction } from "../../src/probers/function.js";
import { contextOf } from "../probers/probing.js";
import { tableOf } from "../support/readme.js";

/** What a check makes of an indicator: the outcome and its detail. */
async function probe(indicator: () => unknown): Promise<string> {
  const prober = openFunction(nestIndicator(indicator));
  const { outcome, detail = "" } = await prober.probe(contextOf(1_000, new AbortController().signal));
  return detail === "" ? outcome : `${outcome}: ${detail}`;
}

const failing = (error: object) => () => Promise.reject(error);

const NO_RESULT = 'fail: the indicator gave no result of Terminus, such as { db: { status: "up" } }';

/** Each result, and what it means. */
const RESULTS: Readonly<Record<string, readonly [() => unknown, string]>> = {
  "an entry that is up": [() => ({ db: { status: "up", version: 17 } }), "pass"],
  "several entries that are up": [async () => ({ db: { status: "up" }, cache: { status: "up" } }), "pass"],
  "an entry that is down": [() => ({ db: { status: "down" } }), "fail: status is down; db"],
  "entries that are down beside one that is up": [
    () => ({ a: { status: "down", message: "no host" }, b: { status: "up" }, c: { status: "down" } }),
    "fail: status is down; a: no host; c",
  ],
  "an entry that is degraded": [
    () => ({ db: { status: "degraded", message: "slow" } }),
    "warn: status is degraded; db: slow",
  ],
  "an entry that is degraded beside one that is down": [
    () => ({ db: { status: "degraded" }, cache: { status: "down" } }),
    "fail: status is down; cache",
  ],
  "an entry whose name is status": [() => ({ status: { status: "down" } }), "fail: status is down; status"],
  "a thenable, as the attempts of Terminus 12": [
    // biome-ignore lint/suspicious/noThenProperty: it is one
    () => ({ then: (resolve: (value: object) => void) => resolve({ db: { status: "up" } }) }),
    "pass",
  ],
  "a HealthCheckError": [
    failing(Object.assign(new Error("failed"), { causes: { db: { status: "down", message: "no host" } } })),
    "fail: status is down; db: no host",
  ],
  "a HealthCheckError whose cause is a text": [
    failing(Object.assign(new Error("failed"), { causes: "x" })),
    "fail: failed",
  ],
  "another error": [failing(new Error("no host")), "fail: no host"],
  "an error that is no object": [() => Promise.reject(undefined), "fail: undefined"],
  "a whole health check": [() => ({ status: "ok", info: {}, error: {}, details: { db: { status: "up" } } }), "pass"],
  "a whole health check with an error": [
    () => ({ status: "error", details: { a: { status: "up" }, db: { status: "down", message: "no host" } } }),
    "fail: status is down; db: no host",
  ],
  "a whole health check that is shutting down": [
    () => ({ status: "shutting_down", details: { db: { status: "up" } } }),
    "fail: status is down",
  ],
  "a whole health check without indicators": [() => ({ status: "ok", details: {} }), "pass"],
  nothing: [() => undefined, NO_RESULT],
  "no entry": [() => ({}), NO_RESULT],
  "a boolean": [() => true, NO_RESULT],
  "a list": [() => [{ db: { status: "up" } }], NO_RESULT],
  "an entry with another status": [() => ({ db: { status: "up" }, cache: { status: "ok" } }), NO_RESULT],
  "an entry that is no object": [() => ({ db: "up" }), NO_RESULT],
};

describe("nestIndicator", () => {
  for (const [name, [indicator, expected]] of Object.entries(RESULTS))
    test(`takes ${name}: ${expected}`, async () => {
      assert.equal(await probe(indicator), expected);
    });

  test("hands the signal of the check on", async () => {
    const { signal } = new AbortController();
    let given: unknown;
    await nestIndicator((context) => {
      given = context.signal;
      return { db: { status: "up" } };
    })({ signal });
    assert.equal(given, signal);
  });

  test("refuses what is no function, such as the promise of a call", () => {
    const promise: unknown = Promise.resolve({});
    assert.throws(() => Reflect.apply(nestIndicator, undefined, [promise]), { code: "INVALID_OPTION" });
  });
});

test("importing healthbridge/nestjs needs no package of Nest, and forRoot names the one that is missing", async () => {
  const { HealthbridgeModule } = await import("../../src/nestjs.js");
  assert.throws(() => HealthbridgeModule.forRoot(), { code: "MISSING_PACKAGE", message: /npm install @nestjs\/core/ });
  assert.throws(() => HealthbridgeModule.forRoot(Object({ check: {} })), {
    code: "INVALID_OPTION",
    message: '"check" is not an option of HealthbridgeModule.forRoot; did you mean checks?',
  });
});

test("every option of the module has its row in docs/library/nestjs.md", () => {
  const source = readFileSync(new URL("../../src/frameworks/nestjs-options.ts", import.meta.url), "utf8");
  const [, list = ""] = /const OPTIONS[^=]*= \[([\s\S]*?)\];/.exec(source) ?? [];
  const options = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const page = readFileSync(new URL("../../docs/library/nestjs.md", import.meta.url), "utf8");
  const rows = tableOf(page, "nest-options").map(([cell = ""]) => cell.replaceAll("`", ""));
  assert.deepEqual(rows, [...options, "isGlobal"]);
});
