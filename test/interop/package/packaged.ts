/**
 * The library as users have it: from the packed tarball, installed in an empty project. Importing this file installs it, and
 * needs the build.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "healthbridge-packaged-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const npm = (...args: readonly string[]) =>
  execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", timeout: 120_000 });
// `test/interop/package.test.ts` packs with the scripts, which build
const tarball = npm("pack", "--silent", "--ignore-scripts", "--pack-destination", folder).trim();
npm("install", "--silent", "--prefix", folder, "--no-audit", "--no-fund", "--prefer-offline", join(folder, tarball));

const load = createRequire(join(folder, "package.json"));

// the types of what is loaded by name are those of the sources
export const library = load("healthbridge") as typeof import("../../../src/index.js");
export const { healthbridge } = load("healthbridge/fastify") as typeof import("../../../src/fastify.js");
