/**
 * How a block of code is read, by its language. A reader returns what is wrong with a block.
 *
 *     <!-- test: NAME --> above it: a test names it, and does what it says
 *     otherwise:                    READERS[language]
 *
 * What is a program is also run: RUN_BY names the test of each page.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { transformSync } from "esbuild";
import type { Block } from "../markdown.js";
import { path } from "../snippets.js";
import { readCommands, readUrl } from "./commands.js";
import { readYaml } from "./yaml.js";

type Problems = readonly string[];
type Reader = (block: Block) => Problems | Promise<Problems>;

const READERS: Readonly<Record<string, Reader>> = {
  sh: ({ code }) => (code.startsWith("#!") ? ["a script needs `<!-- test: NAME -->`"] : readCommands(code, false)),
  console: ({ code }) => readCommands(code, true),
  yaml: readYaml,
  ts: (block) => [...missingRun(block), ...readScript(block, "ts")],
  js: (block) => [...missingRun(block), ...readScript(block, "js")],
  python: (block) => [...missingRun(block), ...readPython(block)],
  promql: missingRun,
  dockerfile: missingRun,
  markdown: ({ code }) => [...code.matchAll(/\]\(([^)]*)\)/g)].flatMap(([, url = ""]) => readUrl(url)),
  json: ({ code }) => faultsOf(() => JSON.parse(code)),
  // drawings, and output of programs
  text: ({ code }) => (/^(?:\$|healthbridge|npm|curl) /m.test(code) ? ["write `sh` or `console` for commands"] : []),
};

/** The tests that run the blocks of a page in a language, below test/. */
const RUN_BY: Readonly<Record<string, readonly string[]>> = {
  "docs/api.md ts": ["package/api.test.ts"],
  "docs/celery.md promql": ["interop/docs-blocks.test.ts"],
  "docs/celery.md python": ["interop/docs-blocks.test.ts"],
  "docs/channels.md ts": ["docs/watching.test.ts"],
  "docs/conformance-tool.md js": ["docs/control-program.test.ts"],
  "docs/events.md js": ["interop/docs-blocks.test.ts"],
  "docs/isolation.md ts": ["docs/watching.test.ts"],
  "docs/library/application.md js": ["interop/application-page.test.ts"],
  "docs/library/application.md ts": ["docs/application.test.ts"],
  "docs/library/client.md ts": ["docs/library.test.ts"],
  "docs/library/fastify.md js": ["interop/frameworks/fastify.test.ts"],
  "docs/library/grpc-js-policy.md ts": ["docs/library.test.ts"],
  "docs/library/handler.md ts": ["interop/frameworks/handler-page.test.ts"],
  "docs/library/migrate.md js": [], // what users of the other packages have
  "docs/library/migrate.md ts": ["docs/migrate.test.ts"],
  "docs/library/nestjs.md ts": ["interop/frameworks/nestjs.test.ts"],
  "docs/library/workers.md js": ["interop/workers-page.test.ts"],
  "docs/metrics.md ts": ["docs/watching.test.ts"],
  "docs/page.md ts": ["docs/page.test.ts"],
  "docs/probe.md dockerfile": ["cli/probe/probe-docs.test.ts"],
  "docs/targets/function.md ts": ["docs/examples.test.ts"],
  "docs/webhooks.md js": ["docs/webhooks.test.ts"],
  "docs/webhooks.md python": ["docs/webhooks.test.ts"],
};

/** What is wrong with a block. */
export async function readBlock(block: Block): Promise<Problems> {
  const { language, name, page } = block;
  if (name !== undefined)
    return isNamed(page, name) ? [] : [`no test below test/ has the name "${name}" of this block`];
  const reader = Object.hasOwn(READERS, language) ? READERS[language] : undefined;
  if (reader !== undefined) return reader(block);
  const known = Object.keys(READERS).join(", ");
  return [`no test reads a block in ${language || "no language"}; known: ${known}. Or mark it <!-- test: NAME -->`];
}

const TESTS: readonly string[] = readdirSync(path("test"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("docs/readers/"))
  .map((file) => readFileSync(path(`test/${file}`), "utf8"));

/** Whether a test of the page has the name of a block. */
function isNamed(page: string, name: string): boolean {
  const stem = basename(page, ".md");
  return TESTS.some((text) => text.includes(`"${name}"`) && (page === "README.md" || text.includes(stem)));
}

function missingRun({ page, language }: Block): Problems {
  const tests = RUN_BY[`${page} ${language}`];
  if (tests === undefined) return [`no test runs the ${language} of ${page}: write one, and name it in RUN_BY`];
  const missing = tests.filter((file) => !existsSync(path(`test/${file}`)));
  return missing.map((file) => `RUN_BY: there is no test/${file}`);
}

function readScript({ code }: Block, loader: "ts" | "js"): Problems {
  return faultsOf(() => transformSync(code, { loader, logLevel: "silent" }));
}

function readPython({ code }: Block): Problems {
  const program = "import ast, sys; ast.parse(sys.stdin.read())";
  const { stderr } = spawnSync("python3", ["-c", program], { input: code, encoding: "utf8" });
  return stderr === "" ? [] : [stderr];
}

function faultsOf(read: () => unknown): Problems {
  try {
    read();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
