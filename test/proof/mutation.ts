/**
 * Mutation: Stryker changes the source in small ways, and the tests of each area must notice.
 *
 *     npm run proof -- mutation [AREA | AREA/FILE]... [--every N]        N: a sample, each Nth mutant
 *
 * Each word is a run of its own, with a report in `.stryker/`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync } from "node:fs";
import { build } from "esbuild";
import { AREAS } from "../mutation/tests.js";
import type { Arguments } from "./arguments.js";

const STRYKER = ["--yes", "--package", "@stryker-mutator/core@9.6.1", "stryker", "run"];
const WANTED_PERCENT = 85;

/** What is read of a report: schema 2 of mutation-testing-elements. */
interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: { readonly line: number } };
}

/** Runs areas, all by default. Returns whether each has the score that is wanted. */
export async function proveMutation({ words, every = 1 }: Arguments): Promise<boolean> {
  const chosen = words.length === 0 ? Object.keys(AREAS) : words;
  const unknown = chosen.filter((word) => !Object.hasOwn(AREAS, areaOf(word)));
  if (unknown.length > 0)
    throw new Error(`unknown area ${unknown.join(", ")}; known: ${Object.keys(AREAS).join(", ")}`);
  await build({
    entryPoints: ["test/mutation/stryker-runner.ts"],
    outfile: ".stryker/runner.mjs",
    bundle: true,
    platform: "node",
    format: "esm",
  });
  const reports = chosen.map((word) => {
    const report = runStryker(word, every);
    return report !== undefined && summarize(word, report, every);
  });
  return reports.every((isGood) => isGood);
}

/** `checks` of `checks/plan`. */
function areaOf(word: string): string {
  return word.split("/")[0] ?? "";
}

/** Mutates the files of an area, or one of them. */
function runStryker(word: string, every: number): Report | undefined {
  const area = areaOf(word);
  const { folder, without = [] } = AREAS[area] ?? { folder: "" };
  const files = word === area ? ["/**/*", ...without.map((name) => `!/${name}`)] : [word.slice(area.length)];
  const mutate = files
    .map((name) => name.replace(/^(!?)\//, `$1${folder}/`))
    .map((path) => `${path}.ts`)
    .join(",");
  const env = { ...process.env, MUTATION_AREA: area, MUTANTS_EVERY: String(every) };
  const startedAt = performance.now();
  const { status } = spawnSync("npx", [...STRYKER, "--mutate", mutate], { stdio: "inherit", env });
  if (status !== 0) return undefined;
  process.stdout.write(`${word}: ${Math.round((performance.now() - startedAt) / 1000)} s\n`);
  const file = `.stryker/${word.replaceAll("/", "-")}.json`;
  renameSync(".stryker/report.json", file);
  return JSON.parse(readFileSync(file, "utf8")) as Report; // written by Stryker
}

/** Prints the score of each file and what survived. Returns whether the score is high enough. */
function summarize(name: string, { files }: Report, every: number): boolean {
  let [killedInAll, triedInAll] = [0, 0];
  const survivors: string[] = [];
  for (const [file, { mutants }] of Object.entries(files)) {
    const tried = mutants.filter(({ id, status }) => Number(id) % every === 0 && hasResult(status));
    const alive = tried.filter(({ status }) => status === "Survived" || status === "NoCoverage");
    killedInAll += tried.length - alive.length;
    triedInAll += tried.length;
    if (tried.length > 0)
      process.stdout.write(
        `${percent(tried.length - alive.length, tried.length).padStart(6)}  ${file}, of ${tried.length}\n`,
      );
    survivors.push(
      ...alive.map(
        ({ location, mutatorName, replacement = "" }) =>
          `${file}:${location.start.line} ${mutatorName} ${replacement.replaceAll(/\s+/g, " ").slice(0, 80)}`,
      ),
    );
  }
  process.stdout.write(`survived:\n${survivors.join("\n")}\n`);
  process.stdout.write(`${name}: ${percent(killedInAll, triedInAll)} of ${triedInAll} mutants noticed\n`);
  return killedInAll >= (triedInAll * WANTED_PERCENT) / 100;
}

function hasResult(status: string): boolean {
  return status !== "Ignored" && status !== "CompileError" && status !== "RuntimeError";
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}
