/** The load of one member: a process with its clients (see member-clients.ts), and what is measured of both. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { notOutlive } from "../../support/not-outlive.js";
import { waitedMs } from "../../support/waited.js";
import { type Member, PORT } from "./fleet-site.js";

const PROGRAM = fileURLToPath(new URL("member-clients.ts", import.meta.url));

export interface LoadOptions {
  readonly services: readonly string[];
  readonly checksPerSecond: number;
  readonly watches: number;
}

/** What the clients were told until the end. */
export interface LoadResult {
  /** Answers to Checks. */
  readonly answers: number;
  /** Watches that have told SERVING. */
  readonly watched: number;
  /** Answers that were not true. */
  readonly wrong: readonly string[];
  readonly failed: readonly string[];
}

interface Mark {
  readonly answers: number;
  readonly at: number;
  readonly clientWaitedMs: number;
  readonly memberWaitedMs: number;
}

/** What happened between two marks. */
export interface Stretch {
  readonly checksPerSecond: number;
  /** The share of the time in which the event loop of the clients, or that of the member, waited for a processor. */
  readonly waited: number;
}

export class MemberLoad {
  readonly name: string;
  readonly #member: Member;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  /** Rejects when the process has ended. */
  readonly #ended: Promise<never>;

  constructor(member: Member, { services, checksPerSecond, watches }: LoadOptions) {
    this.name = member.process;
    this.#member = member;
    const args = [`${member.address}:${PORT}`, `${checksPerSecond}`, `${watches}`, services.join()];
    const child = spawn(process.execPath, ["--import", "tsx", PROGRAM, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    notOutlive(child, () => child.kill("SIGKILL"));
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#ended = once(child, "exit").then(() => {
      throw new Error(`the clients of ${this.name} have ended`);
    });
    this.#ended.catch(() => {}); // a question may wait for it
  }

  /** Begins when the member is ready, as an orchestrator sees it. */
  async begin(): Promise<void> {
    await this.#ask("begin");
  }

  async mark(): Promise<Mark> {
    const answer = await this.#ask("mark");
    const memberWaitedMs = waitedMs(this.#member.daemon.process.pid);
    return { answers: answer.answers, at: answer.at, clientWaitedMs: answer.waitedMs, memberWaitedMs };
  }

  async since(mark: Mark): Promise<Stretch> {
    const now = await this.mark();
    const lastedMs = now.at - mark.at;
    const longestMs = Math.max(now.clientWaitedMs - mark.clientWaitedMs, now.memberWaitedMs - mark.memberWaitedMs);
    return { checksPerSecond: ((now.answers - mark.answers) * 1_000) / lastedMs, waited: longestMs / lastedMs };
  }

  /** The member is told to end: from now on it may tell NOT_SERVING, and after the delay it may refuse calls. */
  async drains(delayMs: number): Promise<void> {
    await this.#ask(`drains ${delayMs}`);
  }

  async end(): Promise<LoadResult> {
    const result = await this.#ask("end");
    this.close();
    return result;
  }

  /** Ends the clients without a result. */
  close(): void {
    this.#process.kill();
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of several forms
  async #ask(command: string): Promise<any> {
    const answered = once(this.#lines, "line");
    this.#process.stdin?.write(`${command}\n`);
    const [line] = await Promise.race([answered, this.#ended]);
    const answer = JSON.parse(line);
    if (answer.error !== undefined) throw new Error(`the clients of ${this.name}: ${command}: ${answer.error}`);
    return answer;
  }
}
