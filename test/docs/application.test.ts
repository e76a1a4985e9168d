/** docs/library/application.md: its snippets compile, and do what the page says. Frameworks are in the interop suite. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, describe, test } from "node:test";
import { HealthClient } from "../../src/health-client.js";
import { eventually } from "../support/eventually.js";
import { tableOf } from "../support/readme.js";
import { blocksOf } from "./pages.js";
import { path, readPage, SnippetFolder } from "./snippets.js";

const SNIPPETS = blocksOf(readPage("application"), "ts");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return address.port;
}

/** A snippet that runs. */
interface Running {
  readonly process: ChildProcess;
  readonly port: number;
  output(): string;
}

/** The answer to a GET; the error when there is none. */
async function ask({ port }: Running, target: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers: { connection: "close" } });
  return `${response.status} ${await response.text()}`;
}

async function untilServed(running: Running): Promise<void> {
  const isServed = async () => (await ask(running, "/").catch(() => "")) !== "";
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

describe("the snippets of docs/library/application.md", () => {
  const folder = new SnippetFolder();
  after(() => folder.remove());

  test("all compile in strict mode", { timeout: 120_000 }, async () => {
    SNIPPETS.forEach((code, index) => {
      folder.write(`${index}.mts`, code);
    });
    assert.equal(await folder.compile(), "");
  });

  test("each has its test", () => {
    assert.equal(SNIPPETS.length, Object.keys(EXPECTED).length);
  });

  Object.entries(EXPECTED).forEach(([name, expected], index) => {
    test(`${name} does what the page says`, { timeout: 60_000 }, async (t) => {
      const code = SNIPPETS[index] ?? "";
      assert.ok(code.includes(name), `snippet ${index + 1} is about ${name}`);
      const port = await freePort();
      const words = { "listen(3000)": `listen(${port}, "127.0.0.1")`, "127.0.0.1:50051": `127.0.0.1:${port}` };
      const file = folder.write(`${index}-run.mts`, code, words);
      const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "pipe"] });
      t.after(() => child.kill("SIGKILL"));
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          output += text;
        });
      await expected({ process: child, port, output: () => output });
    });
  });
});

test("every option of gracefulShutdown has its row", () => {
  const source = readFileSync(path("src/daemon/graceful-shutdown.ts"), "utf8");
  const [, list = ""] = /const OPTIONS = \[([^\]]*)\]/.exec(source) ?? [];
  const options = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const rows = tableOf(readPage("application"), "graceful-shutdown-options").map(([cell = ""]) =>
    cell.replaceAll("`", ""),
  );
  assert.deepEqual(rows, options);
});
