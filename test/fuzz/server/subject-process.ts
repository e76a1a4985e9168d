/** Starts the process under test, with any Node and any build, and asks for its condition. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EngineName } from "../../../src/core/engine-name.js";
import { eventually, inTime } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import type { Listener } from "./names.js";
import type { Condition, Ports } from "./subject.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What runs the process under test. */
export interface SubjectOptions {
  readonly engine: EngineName;
  /** A folder with `dist/`. Default: this checkout. */
  readonly build?: string | undefined;
  /** The program of Node. Default: the one that runs this. */
  readonly node?: string | undefined;
}

/** Exit codes and signals of a process that native code has aborted. */
const ABORTS: readonly unknown[] = ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", 134, 139];

export class Subject {
  readonly #child: ChildProcess;
  /** Resolves when the process has ended. */
  readonly #ended: Promise<unknown>;
  #ports: Ports = {};
  stderr = "";
  /** How the process has ended: its exit code or signal. */
  exit: number | string | undefined;

  private constructor({ engine, build = ROOT, node = process.execPath }: SubjectOptions) {
    const file = fileURLToPath(new URL("subject.ts", import.meta.url));
    this.#child = spawn(node, ["--import", "tsx", file, build, engine], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    notOutlive(this.#child, () => this.#child.kill("SIGKILL"));
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr }).on("line", (line) => {
        this.stderr = `${this.stderr}${line}\n`.slice(-20_000);
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.exit = signal ?? code ?? -1;
        resolve(this.exit);
      });
    });
  }

  /** Starts a process, and resolves when it serves. */
  static async start(options: SubjectOptions): Promise<Subject> {
    const subject = new Subject(options);
    subject.#ports = (await subject.#message("the process serves")) as Ports; // written by subject.ts
    return subject;
  }

  get listeners(): readonly Listener[] {
    return Object.keys(this.#ports) as Listener[]; // written by subject.ts
  }

  port(listener: Listener): number {
    const port = this.#ports[listener];
    if (port === undefined) throw new Error(`the process has no listener ${listener}`);
    return port;
  }

  /** Native code has aborted the process: JavaScript that throws ends it with code 1. */
  get hasAborted(): boolean {
    return ABORTS.includes(this.exit);
  }

  /** Rejects when the process has ended, or does not answer for some seconds. */
  async condition(): Promise<Condition> {
    const answer = this.#message("the process reports its condition");
    // a message to a process that is ending fails; its exit says why
    if (this.#child.connected) this.#child.send("condition", () => {});
    return (await answer) as Condition; // written by subject.ts
  }

  /** Rejects when connections or watchers are left that no client has. */
  async idle(withinMs: number): Promise<Condition> {
    let last = await this.condition();
    const isIdle = async () => {
      last = await this.condition();
      return last.connections === 0 && last.watchers === 0;
    };
    await eventually(isIdle, "connections and watchers are back to zero", withinMs).catch((cause) => {
      throw new Error(`${last.connections} connections and ${last.watchers} watchers are left`, { cause });
    });
    return last;
  }

  async stop(): Promise<void> {
    if (this.exit === undefined) this.#child.kill("SIGKILL");
    await eventually(() => this.exit !== undefined, "the process under test ends");
  }

  async #message(what: string): Promise<unknown> {
    const received = new AbortController();
    const message = once(this.#child, "message", { signal: received.signal });
    message.catch(() => {}); // it is not awaited when the process has ended
    const ended = this.#ended.then(() => {
      throw new Error(`the process under test has ended (${this.exit}): ${this.stderr}`);
    });
    try {
      const [content] = await inTime(Promise.race([message, ended]), what);
      return content;
    } finally {
      received.abort();
    }
  }
}
