/** The recipes of docs/library/workers.md, with the real packages and a real Redis: each serves its health, and ends by SIGTERM. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksOf } from "../docs/pages.js";
import { eventually, inTime } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { npmWorkers } from "./npm-packages.js";
import { Running, startRedis } from "./peers.js";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const RECIPES = blocksOf(readFileSync(path("docs/library/workers.md"), "utf8"), "js");

/** In the order of the page: the check of each. */
const CHECKS = { bullmq: "worker", moleculer: "moleculer" } as const;

describe("the recipes of docs/library/workers.md", () => {
  const packages = npmWorkers()
    .resolve("koa")
    .replace(/\/node_modules\/.*/, "");
  const folder = mkdtempSync(join(packages, "recipes-"));
  after(() => rmSync(folder, { recursive: true }));

  test("each has its test", () => assert.equal(RECIPES.length, Object.keys(CHECKS).length));

  Object.entries(CHECKS).forEach(([name, check], index) => {
    test(`${name} reports its health, and ends by SIGTERM`, { timeout: 90_000 }, async (t) => {
      const code = RECIPES[index] ?? "";
      assert.ok(code.includes(`from "${name}"`), `recipe ${index + 1} is about ${name}`);
      const [redisPort, port] = [await freePort(), await freePort()];
      const redis = await startRedis(redisPort);
      t.after(() => redis.stop());
      const file = join(folder, `${name}.mjs`);
      const words = { '"healthbridge"': JSON.stringify(path("dist/index.js")), 6379: `${redisPort}`, 8080: `${port}` };
      writeFileSync(
        file,
        Object.entries(words).reduce((text, [word, other]) => text.replaceAll(word, other), code),
      );
      const program = new Running(process.execPath, [file]);
      t.after(() => program.stop());
      const ask = async () => {
        const response = await fetch(`http://127.0.0.1:${port}/healthcheck/${check}`).catch(() => undefined);
        return response === undefined ? "" : `${response.status} ${await response.text()}`;
      };
      await eventually(async () => (await ask()) === "200 OK", `health: ${program.output}`);
      const ended = once(program.process, "exit");
      program.signal("SIGTERM");
      await eventually(async () => (await ask()) === "503 NOT_SERVING", "the drain");
      await inTime(ended, `the end: ${program.output}`);
      assert.doesNotMatch(program.output, /given up|failed/);
    });
  });
});
