/**
 * A root of its own for an installation: nothing of this machine is visible but what was put there.
 *
 *     CleanRoot: program + the libraries that it is linked with (ldd)
 *     start: a new mount namespace --bind /proc, /dev and the folder of the test--> chroot --> program
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Mounts folders of this machine at the same paths of a root, up to the word `--`, and runs a command there. */
const ENTER =
  'root=$1; shift; while [ "$1" != -- ]; do mount --rbind "$1" "$root$1"; shift; done; shift; exec chroot "$root" "$@"';

export class CleanRoot {
  readonly path = mkdtempSync(join(tmpdir(), "healthbridge-root-"));
  readonly #mounts: readonly string[];

  /** @param mounts folders of this machine that are visible, besides /proc and /dev */
  constructor(...mounts: readonly string[]) {
    this.#mounts = ["/proc", "/dev", ...mounts];
    for (const folder of ["/tmp", "/usr/local/bin", ...this.#mounts]) this.#makeFolder(folder);
  }

  /** Copies a program to a path of the root, with the libraries that it needs. */
  addProgram(program: string, path: string): void {
    this.add(program, path);
    this.addLibraries(program);
  }

  /** Copies the libraries that a program is linked with. */
  addLibraries(program: string): void {
    const linked = execFileSync("ldd", [program], { encoding: "utf8" });
    for (const [library] of linked.matchAll(/\/\S+/g))
      if (!existsSync(join(this.path, library))) this.add(library, library);
  }

  /** Copies a file or a folder. A link is followed. */
  add(from: string, path: string): void {
    this.#makeFolder(dirname(path));
    cpSync(from, join(this.path, path), { recursive: true, dereference: true });
  }

  write(path: string, text: string): void {
    this.#makeFolder(dirname(path));
    writeFileSync(join(this.path, path), text);
  }

  /** The words of a command that runs in the root, where `folder` has the same path as here. */
  command(words: readonly string[], folder?: string): readonly string[] {
    const mounts = folder === undefined ? this.#mounts : [...this.#mounts, folder];
    if (folder !== undefined) this.#makeFolder(folder);
    const enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"];
    return [...enter, this.path, ...mounts, "--", ...words];
  }

  /** All files and links, without what is mounted. */
  files(): readonly string[] {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.path.length))
      .sort();
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #makeFolder(folder: string): void {
    mkdirSync(join(this.path, folder), { recursive: true });
  }
}
