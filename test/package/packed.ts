/** The tarball that npm would publish of the built package, and a project in which it is installed. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What the package.json of a package says; the parts that the tests read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly typesVersions?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** The specifiers of the doors: `healthbridge` and `healthbridge/NAME`. */
export function doorsOf({ exports, name }: Manifest): readonly string[] {
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([path]) => `${name}${path.slice(1)}`);
}

export class Packed {
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-package-"));
  readonly tarball: string;
  /** A project with the package, and with the packages that its types and its code need. */
  readonly project = join(this.#folder, "project");
  /** The package in that project. */
  readonly installed = join(this.project, "node_modules/healthbridge");

  constructor() {
    // without scripts: the build is there, and other tests use it
    const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", this.#folder];
    this.tarball = join(this.#folder, execFileSync("npm", args, { cwd: ROOT, encoding: "utf8" }).trim());
    mkdirSync(this.installed, { recursive: true });
    execFileSync("tar", ["-xzf", this.tarball, "-C", this.installed, "--strip-components=1"]);
    for (const name of ["@grpc/grpc-js", "@grpc/proto-loader", "grpc-health-check", "@types/node", "undici-types"]) {
      const link = join(this.project, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, "node_modules", name), link);
    }
  }

  /** The files of the package, by path. */
  files(): readonly string[] {
    return readdirSync(this.installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.installed.length + 1))
      .sort();
  }

  read(path: string): string {
    return readFileSync(join(this.installed, path), "utf8");
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
