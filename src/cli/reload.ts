/**
 * Reloads a running daemon: at SIGHUP, and when its file has another content.
 *
 *     SIGHUP ----------> request --> one reload at a time --> settled? --> load --> accepted? --> daemon.reload
 *     file changed ----> request                                                      '--no--> every error is logged
 *
 * An invalid configuration changes nothing. Neither does one that would remove all checks only because their key is
 * missing: a file that is cut off must not turn a failing server into one that is SERVING.
 */
import { isDeepStrictEqual } from "node:util";
import type { Violation } from "../checks/violation.js";
import type { FileWatch } from "../config/file-watch.js";
import type { LoadedConfig } from "../config/validate.js";
import { publish } from "../core/channels.js";
import { messageOf } from "../core/health-error.js";
import type { Daemon } from "../daemon/daemon.js";
import type { Log } from "../telemetry/log.js";

/** The file of a configuration. */
export interface WatchedFile {
  readonly name: string;
  readonly watch: FileWatch;
}

export interface ReloaderDeps {
  /** `undefined`: there is nothing to reload. */
  readonly file: WatchedFile | undefined;
  readonly load: () => Promise<LoadedConfig>;
  readonly instance: string;
  readonly log: Log;
}

type Request = "changed" | "forced";

export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #daemon: Promise<Daemon>;
  /** The configuration in use. */
  #loaded: LoadedConfig;
  #requested: Request | undefined;
  #isRunning = false;
  #isStopped = false;

  constructor(deps: ReloaderDeps, daemon: Promise<Daemon>, loaded: LoadedConfig) {
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

  /** Applies no other configuration. */
  stop(): void {
    this.#isStopped = true;
  }

  #take(): Request | undefined {
    const request = this.#isStopped ? undefined : this.#requested;
    this.#requested = undefined;
    return request;
  }

  async #reload(request: Request): Promise<void> {
    const { file, load, instance, log } = this.#deps;
    const daemon = await this.#daemon;
    try {
      if (file === undefined) {
        log.write("info", "reloaded", "nothing to reload: no configuration file");
      } else {
        const onSlow = (text: string) =>
          log.write("warn", "config-changing", `${file.name} ${text}; keeping the previous configuration`);
        if (request === "changed" && !(await file.watch.isChanged(onSlow))) return;
        const loaded = await file.watch.read(load, onSlow);
        if (this.#isStopped) return;
        this.#apply(daemon, loaded, file.name);
      }
      publish("reload", { instance, error: undefined });
    } catch (error) {
      for (const line of messageOf(error).split("\n"))
        log.write("error", "reload-refused", `${line}; keeping the previous configuration`);
      publish("reload", { instance, error });
    }
  }

  #apply(daemon: Daemon, next: LoadedConfig, file: string): void {
    const lost = lostChecks(this.#loaded, next);
    daemon.reload({ ...next, accept: (violations) => next.accept([...violations, ...lost]) });
    logOverridden(this.#deps.log, this.#loaded, next, file);
    this.#loaded = next;
    this.#deps.log.write("info", "reloaded", `reloaded ${file}`);
  }
}

/** All checks are removed only by a file that says so. */
function lostChecks(running: LoadedConfig, next: LoadedConfig): readonly Violation[] {
  const count = running.fileChecks ?? 0;
  if (count === 0 || next.fileChecks !== undefined) return [];
  const checks = count === 1 ? "a check" : `${count} checks`;
  const text = `the previous configuration has ${checks}, and this file has no \`checks\`; to remove all checks write checks: {}`;
  return [{ code: "INVALID_OPTION", path: ["checks"], text }];
}

/** Logs each key that has changed in the file, but whose value comes from a flag. */
function logOverridden(log: Log, running: LoadedConfig, next: LoadedConfig, file: string): void {
  for (const [key, { flag, value }] of next.overridden) {
    if (isDeepStrictEqual(value, running.overridden.get(key)?.value)) continue;
    log.write("warn", "overridden", `\`${key}\` changed in ${file} without effect: ${flag} replaces it`, { key, flag });
  }
}
