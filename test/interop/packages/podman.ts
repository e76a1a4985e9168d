/** Podman with a storage of its own, as a program of this machine. It reads an image as Docker does, and starts it by runc. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian, installDebian } from "../install.js";

export class Podman {
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-podman-"));
  readonly #program: string;

  /** Loads an image from an archive of Docker's format. */
  constructor(archive: string) {
    installDebian(["runc", "catatonit"]); // crun 1.8 refuses a machine with both versions of cgroups
    this.#program = debian("podman");
    this.output("load", "--quiet", `--input=${archive}`);
  }

  /** The words of a command. */
  command(...args: readonly string[]): readonly string[] {
    const places = [`--root=${join(this.#folder, "root")}`, `--runroot=${join(this.#folder, "run")}`];
    const options = ["--storage-driver=overlay", "--runtime=runc", "--cgroup-manager=cgroupfs", "--log-level=fatal"];
    return [this.#program, ...places, ...options, ...args];
  }

  /** Runs a command to its end; returns its stdout. */
  output(...args: readonly string[]): string {
    const [program = "", ...words] = this.command(...args);
    const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", timeout: 120_000 });
    if (status !== 0) throw new Error(`podman ${args.join(" ")}: exit code ${status}\n${stderr}`);
    return stdout.trim();
  }

  /** Removes all containers, images and files. */
  remove(): void {
    this.output("rm", "--all", "--force", "--time=0", "--volumes");
    spawnSync("umount", ["--recursive", join(this.#folder, "root/overlay")]); // podman leaves it mounted
    rmSync(this.#folder, { recursive: true });
  }
}
