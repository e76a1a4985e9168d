/** docs/library/application.md: its snippets compile, and do what the page says. Frameworks are in the interop suite. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { HealthClient } from "../../src/health-client.js";
import { eventually } from "../support/eventually.js";
import { tableOf } from "../support/readme.js";
import { ask, type Running, testSnippets } from "./running-snippets.js";
import { path, readPage } from "./snippets.js";

async function untilServed(running: Running): Promise<void> {
  const isServed = async () => (await ask(running, "/")) !== "no answer";
  await eventually(isServed, `the snippet serves: ${running.output()}`);
}

async function checkOrders({ port, output }: Running): Promise<void> {
  const client = new HealthClient(`127.0.0.1:${port}`);
  const isServing = async () => (await client.check("acme.Orders").catch(() => "")) === "SERVING";
  await eventually(isServing, `acme.Orders is SERVING: ${output()}`);
  assert.equal(await client.check(), "SERVING");
  await client.close();
}

/** What each snippet does, in the order of the page. */
const EXPECTED: Readonly<Record<string, (running: Running) => Promise<void>>> = {
  async attach(running) {
    await untilServed(running);
    for (const [target, answer] of [
      ["/healthcheck", "200 OK"],
      ["/api/health", "200 OK"],
      ["/orders", "200 orders /orders"],
    ] as const)
      assert.equal(await ask(running, target), answer);
  },
  async fetch({ process, output }) {
    await once(process, "close");
    assert.equal(output(), "200 OK\n");
  },
  addToServer: checkOrders,
  HealthImplementation: checkOrders,
  async startsReady({ process, output }) {
    await once(process, "close");
    assert.equal(output(), "NOT_SERVING\nSERVING\n1\n");
  },
  async gracefulShutdown(running) {
    await untilServed(running);
    const ended = once(running.process, "close");
    running.process.kill("SIGTERM");
    await eventually(async () => (await ask(running, "/healthcheck")) === "503 NOT_SERVING", "the drain");
    assert.equal(await ask(running, "/orders"), "200 orders");
    assert.deepEqual(await ended, [null, "SIGTERM"]);
    assert.match(running.output(), /every service is NOT_SERVING.*hook closePool: done/s);
    assert.match(running.output(), /^the pool is closed$/m);
  },
};

testSnippets("application", EXPECTED);

test("every option of gracefulShutdown has its row", () => {
  const source = readFileSync(path("src/daemon/graceful-shutdown.ts"), "utf8");
  const [, list = ""] = /const OPTIONS = \[([^\]]*)\]/.exec(source) ?? [];
  const options = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const rows = tableOf(readPage("application"), "graceful-shutdown-options").map(([cell = ""]) =>
    cell.replaceAll("`", ""),
  );
  assert.deepEqual(rows, options);
});
