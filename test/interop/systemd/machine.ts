/**
 * A machine with systemd as its first process: a container of systemd-nspawn over a Debian root, with a network of its own.
 *
 *     DebianRoot --systemd-nspawn--> PID 1: systemd --+-- healthbridge.service
 *                                                     '-- what a test adds
 *     test --nsenter--> systemctl, healthbridge, ... in the machine
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { eventually } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import { debian } from "../install.js";
import type { DebianRoot } from "../packages/debian-root.js";
import { type Ended, run } from "../peers.js";

/** Without a manager of containers, and without a terminal. */
const OPTIONS = ["--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", "--private-network"];

export class Machine {
  readonly root: DebianRoot;
  readonly #container: ChildProcess;

  private constructor(root: DebianRoot, container: ChildProcess) {
    this.root = root;
    this.#container = container;
  }

  /** Boots, and waits until every unit has started. */
  static async boot(root: DebianRoot): Promise<Machine> {
    debian("systemd-nspawn", "systemd-container");
    const [nsenter = "", ...rest] = root.nsenter;
    const args = [...rest, "systemd-nspawn", ...OPTIONS, `--directory=${root.mountPoint}`];
    const container = spawn(nsenter, args, { stdio: ["ignore", "ignore", "inherit"] });
    notOutlive(container, () => container.kill("SIGKILL"));
    const machine = new Machine(root, container);
    try {
      const isRunning = async () => (await machine.try("systemctl", "is-system-running")).stdout === "running\n";
      await eventually(isRunning, "the machine has booted");
      return machine;
    } catch (error) {
      await machine.close();
      throw error;
    }
  }

  /** Runs a program of the machine to its end, whatever its exit code is. */
  try(program: string, ...args: readonly string[]): Promise<Ended> {
    const environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"];
    return run("nsenter", [
      "--target",
      childrenOf(this.#container)[0] ?? "0",
      "--all",
      ...environment,
      program,
      ...args,
    ]);
  }

  /** Runs a program of the machine. Returns what it prints; throws if it fails. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(program, ...args);
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** A property of a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run("systemctl", "show", "--property", name, "--value", unit)).trim();
  }

  /** The messages of a unit, one on a line, since the boot. */
  journal(unit: string): Promise<string> {
    return this.run("journalctl", "--no-pager", "--output=cat", "--unit", unit);
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#container;
    if (exitCode === null && signalCode === null) {
      for (const pid of childrenOf(this.#container)) process.kill(Number(pid), "SIGKILL"); // and so every process of the machine
      this.#container.kill("SIGKILL");
    }
    const hasEnded = () => this.#container.exitCode !== null || this.#container.signalCode !== null;
    await eventually(hasEnded, "the machine ends");
  }
}

/** The first process of the machine is a child of systemd-nspawn; during its start, another one is. */
function childrenOf({ pid, exitCode }: ChildProcess): readonly string[] {
  if (exitCode !== null) throw new Error(`systemd-nspawn has ended with ${exitCode}`);
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child !== "");
}
