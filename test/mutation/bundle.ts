/**
 * Prepares a sandbox of Stryker, once: tests become JavaScript, which starts five times faster than tsx. Each file of tests
 * runs once without a mutant, which shows the mutants whose code each test runs. A mutant is run against these tests alone,
 * those of the fastest file first.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execPath } from "node:process";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { bundleOf, type CoverageOfFile, type TestsOfMutants, testsOf } from "./tests.js";

const OUT = ".mutants";

/** In a bundle each module keeps the URL of its own file. */
const ownUrls: Plugin = {
  name: "own-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (path.includes("node_modules")) return undefined;
      const url = JSON.stringify(pathToFileURL(path).href);
      return { contents: readFileSync(path, "utf8").replaceAll("import.meta.url", url), loader: "ts" };
    });
  },
};

/** The mutants by source file: Stryker writes the number where the mutant is. */
function mutantsByFile(): Map<string, readonly string[]> {
  const byFile = new Map<string, readonly string[]>();
  for (const file of readdirSync("src", { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = readFileSync(join("src", file), "utf8");
    const numbers = [...text.matchAll(/stryMutAct_9fa48\("(\d+)"\)/g)].map(([, number = ""]) => number);
    if (numbers.length > 0) byFile.set(`src/${file}`, numbers);
  }
  return byFile;
}

/** Runs the tests of a file without a mutant. */
function cover(file: string): CoverageOfFile {
  const output = join(OUT, "coverage.json");
  const args = [join(OUT, "coverage.mjs"), join(OUT, bundleOf(file)), output];
  const { status } = spawnSync(execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${file} fails without a mutant`);
  return JSON.parse(readFileSync(output, "utf8")) as CoverageOfFile; // written by coverage.ts
}

/** Bundles the tests that judge the mutated files. What several of them import is loaded once. */
async function bundle(files: readonly string[]): Promise<void> {
  const own = ["run-tests", "coverage"].map((name) => ({ in: `test/mutation/${name}.ts`, out: name }));
  await build({
    entryPoints: [...own, ...files.map((file) => ({ in: `test/${file}.test.ts`, out: bundleOf(file).slice(0, -4) }))],
    outdir: OUT,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    alias: { "node:test": "./test/mutation/node-test.ts" },
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    plugins: [ownUrls],
    logLevel: "warning",
  });
}

mkdirSync(OUT, { recursive: true });
const mutants = mutantsByFile();
const files = [...new Set([...mutants.keys()].flatMap(testsOf))];
await bundle(files);
const coverages = files.map((file) => ({ file, ...cover(file) })).sort((a, b) => a.ms - b.ms);
const byMutant: Record<string, readonly (readonly [string, readonly string[]])[]> = {};
for (const [source, numbers] of mutants) {
  const judges = coverages.filter(({ file }) => testsOf(source).includes(file));
  for (const number of numbers)
    byMutant[number] = judges.flatMap(({ file, tests: { [number]: tests } }) =>
      tests === undefined ? [] : [[file, tests] as const],
    );
}
const fastestFirst = coverages.map(({ file }) => file);
writeFileSync(join(OUT, "tests.json"), JSON.stringify({ files: fastestFirst, byMutant } satisfies TestsOfMutants));
