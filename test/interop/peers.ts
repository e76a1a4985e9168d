/** Programs that stand beside healthbridge in a test: run to their end, or kept running and ended by their pid. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { eventually } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";
import { debian } from "./install.js";

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 60_000, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** A program that goes on running. */
export class Running {
  readonly process: ChildProcess;
  output = "";
  ended = false;

  constructor(program: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    const env = { ...process.env, ...options.env };
    // a group of its own: what it starts itself ends with it
    this.process = spawn(program, args, { ...options, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (text) => {
        this.output = (this.output + text).slice(-1_000_000);
      });
    }
    notOutlive(this.process, () => this.signal("SIGKILL"));
    this.process.on("exit", () => {
      this.ended = true;
    });
  }

  get lines(): readonly string[] {
    return this.output.split("\n").filter((line) => line !== "");
  }

  signal(name: NodeJS.Signals): void {
    if (this.process.pid !== undefined && !this.ended) process.kill(-this.process.pid, name);
  }

  /** Stops it as SIGSTOP does, each of its threads: the signal alone returns before. */
  async freeze(): Promise<void> {
    this.signal("SIGSTOP");
    const tasks = `/proc/${this.process.pid}/task`;
    const isStopped = (task: string) => /^\d+ \(.*\) T /.test(readFileSync(`${tasks}/${task}/stat`, "utf8"));
    await eventually(() => readdirSync(tasks).every(isStopped), "the program is frozen");
  }

  async stop(): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGKILL");
    await eventually(() => this.ended, "the program ends");
  }
}

/** Resolves when a port accepts connections. */
export async function accepting(port: number, withinMs = 60_000): Promise<void> {
  const attempt = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
  await eventually(attempt, `port ${port} is open`, withinMs);
}

/** Starts a Redis that stores nothing; resolves when it accepts connections. */
export async function startRedis(port: number): Promise<Running> {
  const redis = new Running(debian("redis-server"), ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""]);
  await accepting(port);
  return redis;
}

/** A target whose health a test decides. */
export class Target {
  healthy = true;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Target> {
    const server = createServer((_, response) => {
      response.statusCode = target.healthy ? 200 : 500;
      response.end("OK");
    });
    const target = new Target(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return target;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
