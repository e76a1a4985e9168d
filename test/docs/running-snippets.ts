/** The snippets of a page of docs/library: all compile in strict mode, and each does what the page says. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, describe, test } from "node:test";
import { freePort } from "../support/free-port.js";
import { notOutlive } from "../support/not-outlive.js";
import { blocksOf } from "./pages.js";
import { readPage, SnippetFolder } from "./snippets.js";

/** A snippet that runs. */
export interface Running {
  readonly process: ChildProcess;
  /** In the place of the ports 3000, 9000, 50051 and 8080. */
  readonly port: number;
  output(): string;
}

/** The answer to a GET; "no answer" when there is none. */
export async function ask({ port }: Running, target: string): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers: { connection: "close" } });
    return `${response.status} ${await response.text()}`;
  } catch {
    return "no answer";
  }
}

/**
 * Tests the snippets of a page. `expected` has what each does, in the order of the page, by a word of the snippet. `words`
 * are replaced in all.
 */
export function testSnippets(
  page: string,
  expected: Readonly<Record<string, (running: Running) => Promise<void>>>,
  words: Readonly<Record<string, string>> = {},
): void {
  const snippets = blocksOf(readPage(page), "ts");
  describe(`the snippets of docs/library/${page}.md`, () => {
    const folder = new SnippetFolder();
    after(() => folder.remove());

    test("all compile in strict mode", { timeout: 120_000 }, async () => {
      snippets.forEach((code, index) => {
        folder.write(`${index}.mts`, code);
      });
      assert.equal(await folder.compile(), "");
    });

    test("each has its test", () => {
      assert.equal(snippets.length, Object.keys(expected).length);
    });

    Object.entries(expected).forEach(([word, check], index) => {
      test(`${word} does what the page says`, { timeout: 60_000 }, async (t) => {
        const code = snippets[index] ?? "";
        assert.ok(code.includes(word), `snippet ${index + 1} has ${word}`);
        const port = await freePort();
        const ports = {
          "listen(3000)": `listen(${port}, "127.0.0.1")`,
          '":9000"': `"127.0.0.1:${port}"`,
          '":50051", ":8080"': `"127.0.0.1:${port}"`,
          "127.0.0.1:50051": `127.0.0.1:${port}`,
        };
        const file = folder.write(`${index}-run.mts`, code, { ...ports, ...words });
        const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "pipe"] });
        notOutlive(child, () => child.kill("SIGKILL"));
        t.after(() => child.kill("SIGKILL"));
        let output = "";
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding("utf8").on("data", (text) => {
            output += text;
          });
        await check({ process: child, port, output: () => output });
      });
    });
  });
}
