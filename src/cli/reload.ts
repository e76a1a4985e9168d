/**
 * Reloads a running daemon: at SIGHUP, and when its file has another content.
 *
 *     SIGHUP ----------> request --> one reload at a time --> settled? --> load --> accepted? --> daemon.reload
 *     file changed ----> request                                                      '--no--> every error is logged
 *
 * An invalid configuration changes nothing. Neither does one that would remove all checks only because their key is
 * missing: a file that is cut off must not turn a failing server into one that is SERVING. A file is read in a thread of its
 * own (`config-thread`).
 */
import { isDeepStrictEqual } from "node:util";
import type { FileWatch } from "../config/file-watch.js";
import { publish } from "../core/channels.js";
import { messageOf } from "../core/health-error.js";
import type { Daemon } from "../daemon/daemon.js";
import type { Log } from "../telemetry/log.js";
import type { ValidConfig } from "./config-parts.js";

/** The file of a configuration. */
export interface WatchedFile {
  readonly name: string;
  readonly watch: FileWatch;
}

export interface ReloaderDeps {
  /** `undefined`: there is nothing to reload. */
  readonly file: WatchedFile | undefined;
  /** Reads the file, which is to replace another one. Rejects for an invalid file, and when the signal is aborted. */
  readonly reload: (previous: ValidConfig, signal: AbortSignal) => Promise<ValidConfig>;
  readonly instance: string;
  readonly log: Log;
}

/** Maximum number of errors of one file that are logged. `healthbridge validate` prints all. */
const MAX_LOGGED_ERRORS = 100;

type Request = "changed" | "forced";

export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #daemon: Promise<Daemon>;
  /** The configuration in use. */
  #loaded: ValidConfig;
  #requested: Request | undefined;
  #isRunning = false;
  readonly #stopped = new AbortController();

  constructor(deps: ReloaderDeps, daemon: Promise<Daemon>, loaded: ValidConfig) {
    this.#deps = deps;
    this.#daemon = daemon;
    this.#loaded = loaded;
  }

  /**
   * Reloads as soon as the file is settled. `changed`: only if its content is another one. Requests that come meanwhile
   * are answered by one more reload. Rejects if the daemon does not start.
   */
  async request(request: Request): Promise<void> {
    if (this.#requested !== "forced") this.#requested = request;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#take(); next !== undefined; next = this.#take()) await this.#reload(next);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Ends a running reload, which then changes nothing, and begins no other. */
  stop(): void {
    this.#stopped.abort(new Error("the daemon ends"));
  }

  #take(): Request | undefined {
    const request = this.#stopped.signal.aborted ? undefined : this.#requested;
    this.#requested = undefined;
    return request;
  }

  async #reload(request: Request): Promise<void> {
    const { file, reload, instance, log } = this.#deps;
    const { signal } = this.#stopped;
    const daemon = await this.#daemon;
    try {
      if (file === undefined) {
        log.write("info", "reloaded", "nothing to reload: the configuration does not come from a file");
      } else {
        const onSlow = (text: string) =>
          log.write("warn", "config-changing", `${file.name} ${text}; keeping the previous configuration`);
        if (request === "changed" && !(await file.watch.isChanged(onSlow))) return;
        const loaded = await file.watch.read(() => reload(this.#loaded, signal), onSlow);
        if (signal.aborted) return;
        await this.#apply(daemon, loaded, file.name);
      }
      publish("reload", { instance, error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#logRefusal(messageOf(error).split("\n"));
      publish("reload", { instance, error });
    }
  }

  async #apply(daemon: Daemon, next: ValidConfig, file: string): Promise<void> {
    await daemon.reload(next.config);
    logOverridden(this.#deps.log, this.#loaded, next, file);
    this.#loaded = next;
    this.#deps.log.write("info", "reloaded", `reloaded ${file}`);
  }

  #logRefusal(errors: readonly string[]): void {
    const write = (text: string) =>
      this.#deps.log.write("error", "reload-refused", `${text}; keeping the previous configuration`);
    for (const error of errors.slice(0, MAX_LOGGED_ERRORS)) write(error);
    const more = errors.length - MAX_LOGGED_ERRORS;
    if (more > 0) write(`${more} more errors; \`healthbridge validate\` shows all`);
  }
}

/** Logs each key that has changed in the file, but whose value comes from a flag. */
function logOverridden(log: Log, running: ValidConfig, next: ValidConfig, file: string): void {
  for (const [key, { flag, value }] of next.overridden) {
    if (isDeepStrictEqual(value, running.overridden.get(key)?.value)) continue;
    log.write("warn", "overridden", `\`${key}\` changed in ${file} without effect: ${flag} replaces it`, { key, flag });
  }
}
