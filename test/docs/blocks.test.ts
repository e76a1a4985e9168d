/** Every block of code on every page is read by its language, or named and run by a test. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALL_PAGES, readMarkdown } from "./markdown.js";
import { readBlock } from "./readers/table.js";

describe("the blocks of code", () => {
  for (const { path, blocks } of ALL_PAGES.filter((page) => page.blocks.length > 0))
    test(`of ${path} are right, or have a test of their own`, async () => {
      const problems = blocks.map(async (block) =>
        (await readBlock(block)).map((problem) => `${block.place} (${block.language}): ${problem}`),
      );
      assert.deepEqual((await Promise.all(problems)).flat(), []);
    });

  test("have a fence with a language, so that one reads them", () => {
    assert.deepEqual(
      ALL_PAGES.flatMap(({ indented }) => indented),
      [],
    );
  });
});

/** A block that is wrong, for each reader and each kind, and a word of what is said about it. */
const WRONG: readonly (readonly [language: string, code: string, said: RegExp])[] = [
  ["sh", "healthbridge serve --chek a=tcp://b:1", /unknown flag --chek; did you mean --check\?/],
  ["sh", "healthbridge proob -addr=:1", /no command proob/],
  ["sh", "healthbridge probe -addr=:1 -servce=a", /-servce/],
  ["sh", "grpc_health_probe -adr localhost:50051", /-adr/],
  ["sh", "npm run bild", /no script bild/],
  ["sh", "npm run proof -- everything", /no proof everything/],
  ["sh", "npm run bench -- everything", /no bench everything/],
  ["sh", "echo 'a", /unexpected EOF/],
  ["sh", "curl localhost:8080/healthchek", /does not answer \/healthchek/],
  ["sh", "grpcurl -plaintext localhost:50051 grpc.health.v1.Health/Chek", /method Chek/],
  ["sh", "kubectl apply -k deploy/kubernetes/bas", /no deploy\/kubernetes\/bas/],
  ["sh", "FLOWER_PASSWORD=x kubctl get pods && echo a", /kubctl is not known/],
  ["sh", "#!/bin/sh\nexit 1", /a script needs/],
  ["console", "$ healthbridge list\n$ healthbridge drain --al\nok", /unknown flag --al/],
  ["console", "healthbridge list", /no line begins with/],
  ["yaml", "checks: { a: { target: tcp://b:1, intervall: 1s } }", /intervall: unknown key/],
  ["yaml", "readinessProbe: { httpGet: { port: 8080, path: /ready } }", /does not answer \/ready/],
  ["yaml", "readinessProbe: { periodSeconds: 1 }", /a probe has one of/],
  ["yaml", "- run: npx healthbridge conformance a:1 --junt x.xml", /unknown flag --junt/],
  ["yaml", "chekcs: {}", /this YAML is none of/],
  ["json", '{"a":1,}', /SyntaxError/],
  ["ts", "const a: = 1;", /Expected|Unexpected/],
  ["js", "const = 1;", /Expected/],
  ["text", "$ healthbridge serve", /write `sh` or `console`/],
  ["python", "def f(:", /SyntaxError/],
  ["markdown", "![orders](https://health.example.org/badges/orders.svg)", /does not answer \/badges/],
  ["toml", "a = 1", /no test reads a block in toml/],
  ["", "a", /no test reads a block in no language/],
];

describe("a block that is wrong is found", () => {
  for (const [language, code, said] of WRONG)
    test(`${language || "no language"}: ${code.replaceAll("\n", " ")}`, async () => {
      const [block] = readMarkdown("docs/page.md", `# A page\n\n\`\`\`${language}\n${code}\n\`\`\`\n`).blocks;
      assert.ok(block !== undefined);
      assert.match((await readBlock(block)).join("\n"), said);
    });

  test("a name that no test has, a page without a test of its scripts, a block without an end", async () => {
    const name = `no-${"such"}-name`; // this file must not have it
    const [named] = readMarkdown("docs/page.md", `# A\n\n<!-- test: ${name} -->\n\`\`\`ts\n\`\`\`\n`).blocks;
    const [unrun] = readMarkdown("unknown", "# A\n\n```ts\n```\n").blocks;
    assert.ok(named !== undefined && unrun !== undefined);
    assert.match((await readBlock(named)).join(), /no test below test\/ has the name "no-such/);
    assert.match((await readBlock(unrun)).join(), /no test runs the ts of unknown/);
    assert.throws(() => readMarkdown("unknown", "# A\n\n```ts\n"), /unknown:3: the block has no end/);
  });
});
