/**
 * The fuzzers for any length of time, on any Node and any build; and the control: the same fuzzer finds an old crash.
 *
 *     npm run proof -- fuzz [--minutes N] [--seed N] [--engine NAME] [--node NODE] [--build DIR]
 *     npm run proof -- fuzz-control --build DIR        DIR is a built checkout of f9a582f
 *
 * NODE is the path of a program, or a version such as 24.21.0, which is installed once.
 */
import { execFileSync } from "node:child_process";
import { ENGINE_NAMES } from "../../src/core/engine-name.js";
import { ClientFuzzer } from "../fuzz/client/fuzzer.js";
import { type FuzzOptions, ServerFuzzer } from "../fuzz/server/fuzzer.js";
import { node as installedNode } from "../interop/install.js";
import type { Arguments } from "./arguments.js";

const VERIFIED = 3;
const CONTROL_MINUTES = 2;

/** Fuzzes both engines, then the probers, for a third of the time each. Returns whether nothing was found. */
export async function proveFuzz({
  minutes = 2,
  seed = randomSeed(),
  node: named,
  build,
  engine,
}: Arguments): Promise<boolean> {
  const node = named === undefined ? undefined : programOf(named);
  const engines = ENGINE_NAMES.filter((name) => engine === undefined || engine === name);
  const shareMs = (minutes * 60_000) / (engines.length + (engine === undefined ? 1 : 0));
  let ok = true;
  for (const name of engines) {
    const options = { engine: name, node, build, hasOldNghttp2: name === "grpc-js" && isOld(node) };
    ok = (await fuzzServer(options, seed, shareMs)) && ok;
  }
  return engine === undefined ? (await fuzzClient(node, seed, shareMs)) && ok : ok;
}

/** Returns whether the fuzzer has found the crash in time. */
export async function proveFuzzControl({ build, seed = randomSeed(), engine = "native" }: Arguments): Promise<boolean> {
  if (build === undefined) throw new Error("fuzz-control needs --build DIR: a built checkout of f9a582f");
  const startedAt = performance.now();
  const isClean = await fuzzServer(
    { engine, build, hasOldNghttp2: false, onlyCrashes: true },
    seed,
    CONTROL_MINUTES * 60_000,
  );
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(isClean ? `nothing found in ${seconds} s\n` : `found in ${seconds} s\n`);
  return !isClean;
}

async function fuzzServer(options: FuzzOptions, firstSeed: number, ms: number): Promise<boolean> {
  const again = `--engine ${options.engine} --minutes 0.1${options.node ? ` --node ${options.node}` : ""}`;
  const until = performance.now() + ms;
  const fuzzer = await ServerFuzzer.start(options);
  let seed = firstSeed;
  try {
    if (!options.onlyCrashes) await fuzzer.verify(seed, VERIFIED);
    for (; performance.now() < until; seed += 1) await fuzzer.round(seed);
    await fuzzer.end();
    return true;
  } catch (error) {
    process.stdout.write(`FOUND, engine ${options.engine}; again: npm run proof -- fuzz --seed ${seed} ${again}\n`);
    process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
    return false;
  } finally {
    await fuzzer.stop();
    process.stdout.write(`engine ${options.engine}, first seed ${firstSeed}: ${JSON.stringify(fuzzer.coverage)}\n`);
  }
}

async function fuzzClient(node: string | undefined, firstSeed: number, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  const fuzzer = await ClientFuzzer.start({ node });
  let seed = firstSeed;
  try {
    await fuzzer.verify();
    for (; performance.now() < until; seed += 1) await fuzzer.round(seed);
    await fuzzer.end();
    return true;
  } catch (error) {
    process.stdout.write(`FOUND, probers; again: npm run proof -- fuzz --seed ${seed} --minutes 0.1\n`);
    process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
    return false;
  } finally {
    await fuzzer.stop();
    process.stdout.write(`probers, first seed ${firstSeed}: ${JSON.stringify(fuzzer.coverage)}\n`);
  }
}

/** A version is installed; anything else is a path. */
function programOf(named: string): string {
  return /^\d+\.\d+\.\d+$/.test(named) ? installedNode(named) : named;
}

function isOld(node: string | undefined): boolean {
  const version = node === undefined ? process.version : execFileSync(node, ["--version"], { encoding: "utf8" });
  return Number(version.slice(1).split(".")[0]) < 22;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
