/**
 * The recipes of docs/library/application.md for frameworks, access logs and traces, with the real packages: each answers
 * health requests and its own, and logs or traces only its own.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksOf } from "../docs/pages.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { npmApplications } from "./npm-packages.js";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const BLOCKS = blocksOf(readFileSync(path("docs/library/application.md"), "utf8"), "js");

/** The one about gRPC has a test of its own. */
const GRPC_RECIPE = BLOCKS.find((code) => code.includes("healthSampler")) ?? "";
const RECIPES = BLOCKS.filter((code) => code !== GRPC_RECIPE);

/** The recipes in the order of the page, and what each writes about a request: nothing for a framework. */
const EXPECTED: Readonly<Record<string, RegExp | undefined>> = {
  'from "express"': undefined,
  'from "koa"': undefined,
  'from "hono"': undefined,
  "pino-http": /"url":"([^"]*)"/g,
  morgan: /"GET (\S*) HTTP/g,
  opentelemetry: /'url\.path': '([^']*)'/g,
};

describe("the recipes of docs/library/application.md", () => {
  const folder = mkdtempSync(join(npmApplications(), "recipes-"));
  after(() => rmSync(folder, { recursive: true }));

  test("each has its test", () => {
    assert.equal(RECIPES.length, Object.keys(EXPECTED).length);
  });

  test("healthSampler drops the spans of the health service, of the server and of a client, and no others", async () => {
    const calls = `
      const buffer = (bytes) => bytes;
      const method = { requestStream: false, responseStream: false, requestSerialize: buffer, requestDeserialize: buffer };
      const definition = { ...method, path: "/acme.Orders/Check", responseSerialize: buffer, responseDeserialize: buffer };
      server.addService({ Check: definition }, { Check: (_call, answer) => answer(null, Buffer.alloc(0)) });
      const call = (path) => new Promise((resolve, reject) => {
        const client = new grpc.Client("127.0.0.1:3000", grpc.credentials.createInsecure());
        client.waitForReady(Date.now() + 20_000, () =>
          client.makeUnaryRequest(path, buffer, buffer, Buffer.alloc(0), (error, bytes) => error ? reject(error) : resolve(bytes.length)));
      });
      (async () => {
        console.log("health", await call("/grpc.health.v1.Health/Check"), await call("/grpc.health.v1.Health/List") > 0);
        console.log("orders", await call("/acme.Orders/Check"));
        process.exit();
      })();`;
    const file = join(folder, "grpc.cjs");
    const code = `${GRPC_RECIPE}${calls}`.replaceAll("3000", String(await freePort()));
    writeFileSync(file, code.replaceAll('"healthbridge"', JSON.stringify(path("dist/index.cjs"))));
    const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"], timeout: 60_000 });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    await once(child, "close");
    assert.match(output, /^health 2 true$/m);
    assert.match(output, /^orders 0$/m);
    const names = [...output.matchAll(/ name: '([^']*)'/g)]
      .map(([, name]) => name)
      .filter((name) => name?.includes("/Check"));
    assert.deepEqual(names, ["grpc.acme.Orders/Check", "grpc.acme.Orders/Check"], output);
  });

  Object.entries(EXPECTED).forEach(([name, line], index) => {
    test(`${name} answers health requests, and does not log them`, { timeout: 60_000 }, async (t) => {
      const code = RECIPES[index] ?? "";
      assert.ok(code.includes(name), `recipe ${index + 1} is about ${name}`);
      const isModule = code.startsWith("import ");
      const port = await freePort();
      const file = join(folder, `${index}.${isModule ? "mjs" : "cjs"}`);
      const door = JSON.stringify(path(isModule ? "dist/index.js" : "dist/index.cjs"));
      writeFileSync(file, code.replaceAll('"healthbridge"', door).replaceAll("3000", String(port)));
      const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"] });
      t.after(() => child.kill("SIGKILL"));
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          output += text;
        });
      const ask = async (target: string) => {
        const response = await fetch(`http://127.0.0.1:${port}${target}`);
        return `${response.status} ${await response.text()}`;
      };
      await eventually(async () => (await ask("/healthcheck").catch(() => "")) === "200 OK", `health: ${output}`);
      assert.match(await ask("/readyz?verbose"), /^200 /);
      assert.equal(await ask("/orders"), "200 orders");
      if (line === undefined) return;
      const paths = () => [...output.matchAll(line)].map(([, logged]) => logged);
      await eventually(() => paths().length > 0, `the request of the application: ${output}`);
      assert.deepEqual(paths(), ["/orders"]);
    });
  });
});
