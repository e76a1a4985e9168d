/**
 * sd_notify(3): tells systemd what state this process is in.
 *
 *     send("ready", ...) --> waiting: the newest message of each kind --> systemd-notify --> datagram to NOTIFY_SOCKET
 *                                                                         one at a time
 *
 * Node has no unix datagram sockets, so the program `systemd-notify` sends each message. It ends when systemd has read the
 * message: the order stays. It is a process of its own, so the unit needs `NotifyAccess=all`.
 */
import { background } from "../core/background.js";
import type { Clock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import { describeExit, passedOn, RunningProgram } from "../probers/program.js";

/** Of each kind, one message waits at most. */
export type NotifyKind = "ready" | "reloading" | "stopping" | "status" | "watchdog";

export interface SdNotifyDeps {
  readonly clock: Clock;
  readonly instance: string;
  /** That of this process, with `NOTIFY_SOCKET`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called with the first failure, and with the first one after a success. */
  readonly onFailure: (text: string) => void;
}

/** systemd reads a message within milliseconds. `systemd-notify` itself waits no longer for it. */
const MAX_SEND_MS = 5_000;

/**
 * systemd ignores a message whose sender has ended, as when a daemon-reload of many units takes longer than `MAX_SEND_MS`. A
 * lost READY=1 would fail the start, and one lost WATCHDOG=1 would end this process.
 */
const MAX_ATTEMPTS = 3;

const RETRY_MS = 1_000;

const KILL_AFTER_MS = 500;

export class SdNotify {
  readonly #deps: SdNotifyDeps;
  readonly #waiting = new Map<NotifyKind, readonly string[]>();
  #isSending = false;
  #hasFailed = false;

  constructor(deps: SdNotifyDeps) {
    this.#deps = deps;
  }

  /** Sends variables such as `READY=1`, after what waits. They replace a waiting message of the same kind. */
  send(kind: NotifyKind, variables: readonly string[]): void {
    this.#waiting.delete(kind); // the newest is the last
    this.#waiting.set(kind, variables);
    if (!this.#isSending) background(this.#sendWaiting(), this.#deps.instance, "sd_notify");
  }

  async #sendWaiting(): Promise<void> {
    this.#isSending = true;
    for (const [kind, variables] of this.#waiting) {
      this.#waiting.delete(kind);
      await this.#deliver(kind, variables);
    }
    this.#isSending = false;
  }

  /** Sends a message until it has arrived, a newer one of its kind waits, or it was tried often enough. */
  async #deliver(kind: NotifyKind, variables: readonly string[]): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && !this.#waiting.has(kind); attempt += 1) {
      if (attempt > 1) await this.#pause();
      const failure = await this.#run(variables).catch(describeError);
      if (failure !== undefined && !this.#hasFailed) this.#deps.onFailure(failure);
      this.#hasFailed = failure !== undefined;
      if (failure === undefined) return;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#deps.clock.setTimer(RETRY_MS, resolve));
  }

  /** What went wrong; `undefined` for success. */
  async #run(variables: readonly string[]): Promise<string | undefined> {
    const { clock, environment } = this.#deps;
    const { NOTIFY_SOCKET = "" } = environment;
    const deadline = new AbortController();
    const cancel = clock.setTimer(MAX_SEND_MS, () => deadline.abort());
    try {
      const options = { clock, env: { ...passedOn(environment), NOTIFY_SOCKET }, killAfterMs: KILL_AFTER_MS };
      const program = new RunningProgram(["systemd-notify", ...variables], { ...options, signal: deadline.signal });
      const { code, output } = await program.ended;
      if (code === 0) return undefined;
      const end = code === undefined ? `was killed after ${MAX_SEND_MS} ms` : `ended with ${describeExit(code)}`;
      return output === "" ? `systemd-notify ${end}` : `systemd-notify ${end}: ${output}`;
    } finally {
      cancel();
    }
  }
}

function describeError(error: unknown): string {
  const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
  return isMissing ? "the program systemd-notify was not found in PATH" : messageOf(error);
}
