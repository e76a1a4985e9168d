/**
 * A Debian system of its own for one test file: a copy of a small Debian 12 that nothing else has touched.
 *
 *     base (cached, never written) --+
 *     changes (a temporary folder) --+--> overlay, in the mount namespace of one process, the holder
 *                                              ^
 *                    systemd-nspawn, chroot ---'     the holder ends --> the kernel removes the mounts
 *
 * The holder ends with the test, however that ends. A program in the root has the network of the machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import { debian, once, run as runOnce } from "../install.js";
import { type Ended, run } from "../peers.js";

/** What a small server has beside the essential packages. */
const PACKAGES = ["dbus", "libstdc++6", "systemd", "systemd-sysv"];

/** No test reads them. */
const EXCLUDED = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"];

/** The folder of a Debian 12 with systemd, which must not be changed. */
function debianBase(): string {
  const mmdebstrap = debian("mmdebstrap");
  return once("debian-12", (target) => {
    const excluded = EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`);
    const options = ["--quiet", "--variant=minbase", `--include=${PACKAGES.join(",")}`, ...excluded];
    runOnce(mmdebstrap, [...options, "bookworm", target]);
  });
}

export class DebianRoot {
  /** The root as the holder sees it, without the file systems of a running machine. */
  readonly mountPoint: string;
  readonly #folder: string;
  readonly #holder: ChildProcess;

  private constructor(folder: string, holder: ChildProcess) {
    this.#folder = folder;
    this.#holder = holder;
    this.mountPoint = join(folder, "system");
  }

  /** Mounts a new root. */
  static async open(): Promise<DebianRoot> {
    const base = debianBase();
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-debian-"));
    for (const name of ["changes", "work", "system", "root"]) mkdirSync(join(folder, name));
    const script = mountScript(base, folder);
    const isolated = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
    const holder = spawn("setpriv", ["--pdeathsig", "KILL", ...isolated], { stdio: ["ignore", "ignore", "inherit"] });
    notOutlive(holder, () => holder.kill("SIGKILL"));
    const root = new DebianRoot(folder, holder);
    await eventually(() => existsSync(join(folder, "mounted")) || holder.exitCode !== null, "the root is mounted");
    if (holder.exitCode !== null) throw new Error("the root could not be mounted");
    return root;
  }

  /** The words before a program that runs with the mounts of the holder. */
  get nsenter(): readonly string[] {
    return ["nsenter", "--target", String(this.#holder.pid), "--mount"];
  }

  /** The words before a program of the root. It sees the temporary files of this machine. */
  get chroot(): readonly string[] {
    return [...this.nsenter, "chroot", join(this.#folder, "root")];
  }

  /** Where this process finds a file of the root. */
  pathOf(path: string): string {
    return join(`/proc/${this.#holder.pid}/root`, this.mountPoint, path);
  }

  /** Writes a file of the root. */
  write(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.pathOf(path)), { recursive: true });
    writeFileSync(this.pathOf(path), content, { mode });
  }

  /** Runs a program of the root to its end. */
  run(program: string, ...args: readonly string[]): Promise<Ended> {
    const [nsenter = "", ...rest] = this.chroot;
    return run(nsenter, [...rest, program, ...args], { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" });
  }

  async close(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await eventually(() => this.#holder.signalCode !== null || this.#holder.exitCode !== null, "the holder ends");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `system` is the overlay alone; `root` is the same with what programs of a chroot need. */
function mountScript(base: string, folder: string): string {
  const [system, root] = [`${folder}/system`, `${folder}/root`];
  return [
    `mount -t overlay overlay -o lowerdir=${base},upperdir=${folder}/changes,workdir=${folder}/work ${system}`,
    `mount --bind ${system} ${root}`,
    ...["/proc", "/dev", tmpdir()].map((path) => `mkdir -p ${root}${path} && mount --bind ${path} ${root}${path}`),
    `touch ${folder}/mounted`,
    "exec sleep infinity",
  ].join(" && ");
}
