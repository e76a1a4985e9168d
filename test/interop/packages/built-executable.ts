/** The single executable of this checkout's build. */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locked, run } from "../install.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What it is made of. */
const INPUTS = ["dist/cli", "dist/third-party", "scripts", "scripts/sea", "package-lock.json"];

/** Builds `build/healthbridge`, if it is older than what it is made of. One test file builds it, and others wait. */
export function builtExecutable(): string {
  const path = join(ROOT, "build/healthbridge");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  locked(join(ROOT, "build/lock"), () => {
    if (!existsSync(path) || statSync(path).mtimeMs < newestInput())
      run(process.execPath, ["--import", "tsx", "scripts/sea.ts"], { cwd: ROOT });
  });
  return path;
}

function newestInput(): number {
  const files = INPUTS.map((name) => join(ROOT, name)).flatMap((path) =>
    statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path],
  );
  return Math.max(...files.map((path) => statSync(path).mtimeMs));
}
