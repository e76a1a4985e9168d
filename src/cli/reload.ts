/**
 * Reloads the configuration of a running daemon, one reload at a time.
 *
 * A change of the file during a reload causes one more reload after it, however many changes there were.
 */

import type { DaemonConfig } from "../config/daemon-config.js";
import { publish } from "../core/channels.js";
import { messageOf } from "../core/health-error.js";
import type { Daemon } from "../daemon/daemon.js";
import type { Log } from "../telemetry/log.js";

/** The parts of a run that a reload needs. */
export interface ReloadDeps {
  /** `undefined` when there is nothing that can be read again. */
  readonly load: ((signal: AbortSignal) => Promise<DaemonConfig>) | undefined;
  /** What is logged after a reload. */
  readonly done: string;
  readonly instance: string;
  readonly log: Log;
}

/** A daemon's log has so many errors of a file. `healthbridge validate` prints all. */
const MAX_LOGGED_ERRORS = 100;

export class Reloader {
  readonly #deps: ReloadDeps;
  readonly #end = new AbortController();
  #running = false;
  #requested = false;

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
  }

  /** Reloads now, or once more after the reload that is running. Never throws. */
  async reload(daemon: Daemon): Promise<void> {
    this.#requested = true;
    if (this.#running) return;
    this.#running = true;
    while (this.#requested && !this.#end.signal.aborted) {
      this.#requested = false;
      await this.#reloadOnce(daemon);
    }
    this.#running = false;
  }

  /** Ends a running reload, which then changes nothing, and begins no other. */
  end(): void {
    this.#end.abort(new Error("the daemon ends"));
  }

  /** An invalid configuration changes nothing, and its errors are logged. */
  async #reloadOnce(daemon: Daemon): Promise<void> {
    const { load, done, instance, log } = this.#deps;
    const { signal } = this.#end;
    try {
      if (load !== undefined) await daemon.reload(await load(signal));
      log.write("info", "reloaded", done);
      publish("reload", { instance, error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#logRefusal(messageOf(error).split("\n"));
      publish("reload", { instance, error });
    }
  }

  #logRefusal(errors: readonly string[]): void {
    const write = (text: string) =>
      this.#deps.log.write("error", "reload-refused", `${text}; keeping the previous configuration`);
    for (const error of errors.slice(0, MAX_LOGGED_ERRORS)) write(error);
    const more = errors.length - MAX_LOGGED_ERRORS;
    if (more > 0) write(`${more} more errors; \`healthbridge validate\` shows all`);
  }
}
