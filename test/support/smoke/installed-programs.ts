/** An installation whose programs are started as processes of this machine, in a root of their own if it has one. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { inTime } from "../eventually.js";
import { notOutlive } from "../not-outlive.js";
import type { Ended, Installation, Program, RunInput, Started } from "./installation.js";

/** Milliseconds in which a program that is not the daemon ends. */
const MAX_RUN_MS = 60_000;

export interface InstalledProgramsOptions {
  readonly name: string;
  /** The words of a command that starts a program; the files of `folder` are visible to it. */
  readonly command: (program: Program, folder?: string) => readonly string[];
}

export class InstalledPrograms implements Installation {
  readonly name: string;
  readonly #command: InstalledProgramsOptions["command"];

  constructor({ name, command }: InstalledProgramsOptions) {
    this.name = name;
    this.#command = command;
  }

  async run(args: readonly string[], { program = "healthbridge", folder }: RunInput = {}): Promise<Ended> {
    const { child, output, ended } = spawned([...this.#command(program, folder), ...args]);
    try {
      const code = await inTime(ended, `the end of ${program} ${args.join(" ")}`, MAX_RUN_MS);
      return { code, stdout: output.stdout, stderr: output.stderr };
    } finally {
      child.kill("SIGKILL");
    }
  }

  async start(args: readonly string[], folder: string): Promise<Started> {
    const { child, output, ended } = spawned([...this.#command("healthbridge", folder), "serve", ...args]);
    return {
      ended,
      signal: (name) => void child.kill(name),
      exec: (program, words) => this.run(words, { program, folder }),
      output: () => output.stdout + output.stderr,
    };
  }
}

interface Spawned {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number>;
}

function spawned([program = "", ...args]: readonly string[]): Spawned {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: environment() });
  notOutlive(child, () => child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => {
    output.stdout += text;
  });
  child.stderr.on("data", (text) => {
    output.stderr += text;
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  ended.catch(() => {}); // a test that fails earlier does not wait for it
  return { child, output, ended };
}

/** An installation sees no setting of the machine of the test. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };
}
