/** The snippets of docs/library/handler.md: each compiles in strict mode with the real packages, runs, and answers. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HealthClient } from "../../../src/health-client.js";
import { blocksOf } from "../../docs/pages.js";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { npmRpcFolder } from "../npm-packages.js";

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const SNIPPETS = blocksOf(readFileSync(path("docs/library/handler.md"), "utf8"), "ts");

/** A word of each snippet, in the order of the page. */
const SUBJECTS = ["createServer(health.handler())", "answerHealth", "connectNodeAdapter", "niceImplementation"];

describe("the snippets of docs/library/handler.md", () => {
  const folder = mkdtempSync(join(npmRpcFolder(), "snippets-"));
  after(() => rmSync(folder, { recursive: true }));

  function write(index: number, port: number): string {
    const words = { '"healthbridge"': JSON.stringify(path("src/index.ts")), "3000": String(port) };
    let text = SNIPPETS[index] ?? "";
    for (const [from, to] of Object.entries(words)) text = text.replaceAll(from, to);
    const file = join(folder, `${index}-${port}.mts`);
    writeFileSync(file, `${text}\nexport {};\n`);
    return file;
  }

  test("each has its test", () => {
    assert.equal(SNIPPETS.length, SUBJECTS.length);
  });

  test("all compile in strict mode", { timeout: 120_000 }, async () => {
    const files = SNIPPETS.map((_, index) => write(index, 3000));
    const options = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--allowImportingTsExtensions",
      "--module",
      "nodenext",
    ];
    const libraries = ["--target", "es2023", "--lib", "es2023,es2024.string", "--types", "node"];
    const roots = ["--typeRoots", path("node_modules/@types")];
    const tsc = path("node_modules/typescript/bin/tsc");
    const { stdout } = await promisify(execFile)(process.execPath, [
      tsc,
      ...options,
      ...libraries,
      ...roots,
      ...files,
    ]).catch((error) => error);
    assert.equal(stdout, "");
  });

  SUBJECTS.forEach((subject, index) => {
    test(`${subject} serves health`, { timeout: 60_000 }, async (t) => {
      assert.ok(SNIPPETS[index]?.includes(subject));
      const port = await freePort();
      const file = write(index, port);
      const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "pipe"] });
      t.after(() => child.kill("SIGKILL"));
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          output += text;
        });
      const client = new HealthClient(`127.0.0.1:${port}`);
      t.after(() => client.close());
      const isServing = async () => (await client.check().catch(() => "")) === "SERVING";
      await eventually(isServing, `health is SERVING: ${output}`);
    });
  });
});
