/** An empty project in which the packed tarball is installed from the registry. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What a build reads, and what a package holds. */
const SOURCES = [
  ...["bench/README.md", "deploy", "docs", "proto", "scripts", "src"],
  ...[".npmrc", "CHANGELOG.md", "LICENSE", "README.md"],
  ...["esbuild.config.js", "package.json", "package-lock.json", "tsconfig.build.json", "tsconfig.json"],
];

/** An entry of package-lock.json. */
export interface LockEntry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}

export class Project {
  readonly #folder: string;
  readonly path: string;

  /** Packs a copy of this checkout that has no build, and installs the tarball. Packages of `parent` are found too. */
  constructor(parent: string = tmpdir()) {
    this.#folder = mkdtempSync(join(parent, "healthbridge-project-"));
    this.path = join(this.#folder, "project");
    const checkout = join(this.#folder, "checkout");
    for (const name of SOURCES) cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
    const tarball = run("npm", ["pack", "--silent", "--pack-destination", this.#folder], checkout).trim();
    this.write("package.json", JSON.stringify({ name: "application", private: true }));
    run("npm", ["install", "--silent", "--no-audit", "--no-fund", join(this.#folder, tarball)], this.path);
  }

  /** The entries of its package-lock.json, by the path of the package. */
  lock(): Readonly<Record<string, LockEntry>> {
    return JSON.parse(readFileSync(join(this.path, "package-lock.json"), "utf8")).packages;
  }

  write(name: string, text: string): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a program there, and returns what it prints. */
  run(program: string, ...args: readonly string[]): string {
    return run(program, args, this.path);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** @throws Error with the whole output when the program fails */
function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });
  } catch (error) {
    const { stdout = "", stderr = "" } = Object(error);
    throw new Error(`${program} ${args.join(" ")}\n${stdout}${stderr}`, { cause: error });
  }
}
