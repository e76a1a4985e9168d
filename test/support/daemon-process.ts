/** `healthbridge serve` as a child process, with its log. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.js";
import { notOutlive } from "./not-outlive.js";

export const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string };

export class DaemonProcess {
  readonly process: ChildProcess;
  readonly log: LogLine[] = [];
  stderr = "";
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;

  /** @param under a program with its arguments that runs the daemon, such as `nsenter` */
  constructor(args: readonly string[], nodeArgs: readonly string[] = [], under: readonly string[] = []) {
    const [program = process.execPath, ...rest] = [...under, process.execPath, ...nodeArgs, MAIN, ...args];
    this.process = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    notOutlive(this.process, () => this.process.kill("SIGKILL"));
    if (this.process.stdout !== null) {
      createInterface({ input: this.process.stdout }).on("line", (line) => this.log.push(JSON.parse(line)));
    }
    this.process.stderr?.on("data", (text) => {
      this.stderr += text;
    });
    this.process.on("exit", (code, signal) => {
      this.exit = { code, signal };
    });
  }

  /** Starts `serve` and waits until it serves. */
  static async serve(...args: string[]): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(["serve", ...args]);
    const serving = () => daemon.log.some(({ event }) => event === "serving");
    await eventually(() => serving() || daemon.exit !== undefined, "the daemon serves");
    if (!serving()) throw new Error(`the daemon ended: ${daemon.stderr}`);
    return daemon;
  }

  /** The addresses of the start-up line. */
  get addresses(): readonly string[] {
    const addresses = this.log.find(({ event }) => event === "serving")?.addresses;
    return Array.isArray(addresses) ? addresses.map(String) : [];
  }

  get port(): number {
    return Number(this.addresses[0]?.split(":").at(-1));
  }

  /** Resolves when the process has ended and its output, unless the test stopped reading it, is read to the end. */
  async ended(withinMs = 30_000): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    await eventually(() => this.exit !== undefined && this.#isRead(), "the daemon ends", withinMs);
    return this.exit ?? { code: null, signal: null };
  }

  /** Kills the process, if it still runs. */
  async kill(): Promise<void> {
    if (this.exit === undefined) this.process.kill("SIGKILL");
    await this.ended();
  }

  #isRead(): boolean {
    const { stdout, stderr } = this.process;
    return [stdout, stderr].every((stream) => stream === null || stream.destroyed || stream.isPaused());
  }
}
