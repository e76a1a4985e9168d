/**
 * The snippets of the pages of the client and of the policy: all are compiled, and each is run against servers of the test.
 *
 *     snippet --> names of hosts and files replaced --> tsc (strict) --> a process of its own --> its output
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";
import { tableOf } from "../support/readme.js";
import { blocksOf } from "./pages.js";

const run = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const fixture = (file: string) => readFileSync(path(`test/fixtures/tls/${file}`), "utf8");

/** Each page, and what its snippets print. */
const PAGES: Readonly<Record<string, readonly RegExp[]>> = {
  client: [
    /^SERVING\nNOT_SERVING\nMap\(2\) \{ '' => 'SERVING', 'acme\.Orders' => 'NOT_SERVING' \}\n$/,
    /^NOT_SERVING\n$/,
    /^NOT_SERVING\nSERVING\n$/,
    /^SERVING\n$/,
    /^UNAVAILABLE Check of "acme\.Orders" at 127\.0\.0\.1:1: UNAVAILABLE: connect ECONNREFUSED 127\.0\.0\.1:1\n$/,
  ],
  "grpc-js-policy": [
    /^a backend is healthy\n$/,
    /^2\n$/,
    /^\{"loadBalancingConfig":\[\{"healthbridge_round_robin":\{\}\},\{"round_robin":\{\}\}\],.*\}\n$/,
  ],
};

/** Modules in the place of the package. */
const DOORS = { "healthbridge/client": "src/health-client.ts", "healthbridge/grpc-js": "src/grpc-js.ts" };

const read = (page: string) => readFileSync(path(`docs/library/${page}.md`), "utf8");

describe("the snippets of docs/library", () => {
  // below the project, so that its packages are found
  const folder = mkdtempSync(path("test/docs/.snippets-"));
  const health = new Health();
  const secure = new Health();
  let words: Readonly<Record<string, string>> = {};
  before(async () => {
    const tls = { cert: fixture("server.crt"), key: fixture("server.key"), clientCa: fixture("ca.crt") };
    const [plainServer, secureServer] = await Promise.all([
      health.listen(["127.0.0.1:0"]),
      secure.listen(["127.0.0.1:0"], { tls }),
    ]);
    words = {
      "orders:50051": `127.0.0.1:${portOf(plainServer)}`,
      "/etc/orders/ca.pem": path("test/fixtures/tls/ca.crt"),
      "/etc/orders/client.pem": path("test/fixtures/tls/client.crt"),
      "/etc/orders/client.key": path("test/fixtures/tls/client.key"),
      "secure:": `127.0.0.1:${portOf(secureServer)}`,
    };
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await Promise.all([health, secure].map((each) => each.shutdown({ drainDelayMs: 0 })));
  });

  /** Writes a snippet as a module. Returns its file. */
  function write(name: string, code: string): string {
    const isSecure = code.includes("/etc/orders/");
    let text = isSecure ? code.replaceAll("orders:50051", words["secure:"] ?? "") : code;
    for (const [from, to] of Object.entries({ ...words, ...doorPaths() })) text = text.replaceAll(from, to);
    const file = join(folder, name);
    writeFileSync(file, `${text}\nexport {};\n`);
    return file;
  }

  test("all compile in strict mode", { timeout: 120_000 }, async () => {
    for (const page of Object.keys(PAGES))
      blocksOf(read(page), "ts").forEach((code, index) => {
        write(`${page}-${index}.mts`, code);
      });
    const options = {
      module: "nodenext",
      target: "es2023",
      lib: ["es2023", "es2024.string"],
      strict: true,
      noEmit: true,
      types: ["node"],
    };
    const config = { ...options, skipLibCheck: true, allowImportingTsExtensions: true };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: config, include: ["*.mts"] }));
    const tsc = path("node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch((error) => error);
    assert.equal(stdout, "");
  });

  for (const [page, outputs] of Object.entries(PAGES)) {
    test(`docs/library/${page}.md has ${outputs.length} snippets`, () => {
      assert.equal(blocksOf(read(page), "ts").length, outputs.length);
    });

    outputs.forEach((output, index) => {
      test(`snippet ${index + 1} of docs/library/${page}.md prints what the page says`, async () => {
        health.set("acme.orders.v1.Orders", "SERVING");
        health.clear("acme.orders.v1.Orders");
        health.set("acme.Orders", "NOT_SERVING");
        if (page === "grpc-js-policy") health.set("acme.orders.v1.Orders", "SERVING");
        const code = blocksOf(read(page), "ts")[index] ?? "";
        const file = write(`${page}-${index}-run.mts`, code);
        const running = run(process.execPath, ["--import", "tsx", file], { timeout: 60_000 });
        // the change that a Watch waits for
        if (code.includes(".watch("))
          running.child.stdout?.once("data", () => void health.set("acme.Orders", "SERVING"));
        const { stdout } = await running;
        assert.match(stdout, output);
      });
    });
  }

  function doorPaths(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.entries(DOORS).map(([name, file]) => [`"${name}"`, JSON.stringify(path(file))]));
  }
});

test("every option of a HealthClient has its row", () => {
  const source = readFileSync(path("src/client/health-client-options.ts"), "utf8");
  const [, list = ""] = /const OPTIONS = \[([^\]]*)\]/.exec(source) ?? [];
  const options = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const rows = tableOf(read("client"), "client-options").flatMap(([cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  assert.deepEqual(rows, options);
});
