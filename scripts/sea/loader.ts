/**
 * The start of the single executable. It contains the files of `dist/`, which this file loads as Node does from a folder:
 *
 *     require("../third-party/yaml.cjs") --> the asset third-party/yaml.cjs, compiled here
 *     require("@grpc/grpc-js") ------------> packages.cjs, which has all packages
 *     new Worker("config-worker.cjs") -----> a thread that runs this file, which runs the asset
 *     require("node:net") -----------------> Node
 *
 * The files have paths below the executable, such as /usr/bin/healthbridge/cli/commands.cjs. No code is read from the
 * disk, also if there is a folder of packages beside it.
 */
import nodeModule, { isBuiltin } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { getAsset, getRawAsset } from "node:sea";
import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";
import threads, { isMainThread, Worker, type WorkerOptions } from "node:worker_threads";

type Require = ((name: string) => unknown) & { readonly resolve: (name: string) => string };

const ROOT = process.execPath;

/** A link of one of these names to the executable is the program grpc-health-probe. */
const PROBE_NAMES: readonly string[] = ["grpc-health-probe", "grpc_health_probe"];

const PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];

const loaded = new Map<string, { exports: unknown }>();

/** Runs an asset once, and returns what it exports. */
function load(asset: string): unknown {
  const before = loaded.get(asset);
  if (before !== undefined) return before.exports;
  const file = { exports: {} };
  loaded.set(asset, file);
  const text = getAsset(asset, "utf8").replace(/^#!.*/, "");
  const filename = join(ROOT, asset);
  if (asset.endsWith(".json")) file.exports = JSON.parse(text);
  else {
    const run = compileFunction(text, PARAMETERS, { filename });
    run(file.exports, requireOf(filename), file, filename, dirname(filename));
  }
  return file.exports;
}

/** The function that loads a package. */
function packageOf(name: string): () => unknown {
  // scripts/sea.ts writes this file
  const packages = load("packages.cjs") as ReadonlyMap<string, () => unknown>;
  const found = packages.get(name);
  if (found === undefined) throw new Error(`the package ${name} is not part of the executable`);
  return found;
}

/** `require` of a file. */
function requireOf(filename: string): Require {
  const ofFile = (name: string) => {
    if (name === "healthbridge/package.json") return load("package.json");
    if (name.startsWith(".")) return load(relative(ROOT, join(dirname(filename), name)));
    if (isBuiltin(name)) return OWN_MODULES[name.replace(/^node:/, "")] ?? require(name);
    return packageOf(name)();
  };
  return Object.assign(ofFile, { resolve: (name: string) => resolved(filename, name) });
}

/** @throws Error if there is no such file or package */
function resolved(filename: string, name: string): string {
  if (!name.startsWith(".")) {
    packageOf(name);
    return name;
  }
  const path = join(dirname(filename), name);
  getRawAsset(relative(ROOT, path)); // throws if it does not exist
  return path;
}

/** The path of a file, which Node takes as a URL too. */
function pathOf(file: string | URL): string {
  return file instanceof URL || file.startsWith("file:") ? fileURLToPath(file) : file;
}

/** A thread whose code is an asset. */
class AssetWorker extends Worker {
  constructor(file: string | URL, options: WorkerOptions) {
    super(getAsset("loader.cjs", "utf8"), { ...options, eval: true, argv: [relative(ROOT, pathOf(file))] });
  }
}

/** What the files get in place of modules of Node. */
const OWN_MODULES: Readonly<Record<string, object>> = {
  module: { ...nodeModule, createRequire: (file: string | URL) => requireOf(pathOf(file)) },
  worker_threads: { ...threads, Worker: AssetWorker },
};

function program(): string {
  const [, name = "", asset = ""] = process.argv;
  if (!isMainThread) return asset;
  return PROBE_NAMES.includes(basename(name)) ? "cli/grpc-health-probe.cjs" : "cli/main.cjs";
}

load(program());
