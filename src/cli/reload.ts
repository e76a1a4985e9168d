/**
 * Reloads a running daemon: at SIGHUP, when its file has another content, and when a file that it names has.
 *
 *     SIGHUP ----------> request --> one reload at a time --> settled? --> load --> accepted? --> daemon.reload
 *     file changed ----> request                                             |        '--no--> every error is logged
 *     certificate, key, token changed --> request --> the accepted text with the new contents (`renew-files`)
 *
 * An invalid configuration changes nothing. Neither does one that would remove all checks only because their key is
 * missing: a file that is cut off must not turn a failing server into one that is SERVING. A file is read in a thread of its
 * own (`config-thread`).
 */
import { isDeepStrictEqual } from "node:util";
import type { FileThreads } from "../config/file-operation.js";
import type { FileWatch } from "../config/file-watch.js";
import { type KnownContents, type NamedFile, textOf } from "../config/files.js";
import { NamedFilesWatch } from "../config/named-files-watch.js";
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { messageOf } from "../core/health-error.js";
import type { ReloadResult } from "../daemon/control-service.js";
import type { Daemon } from "../daemon/daemon.js";
import type { ServiceManager } from "../daemon/service-manager.js";
import type { Log } from "../telemetry/log.js";
import type { RenewedConfig, ValidConfig } from "./config-parts.js";
import type { FailedFile } from "./renew-files.js";

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
  /** Validates the configuration in use with other contents of the files that it names. */
  readonly renew: (previous: ValidConfig, changed: KnownContents, signal: AbortSignal) => Promise<RenewedConfig>;
  readonly clock: Clock;
  readonly threads: FileThreads;
  /** Gets the begin and the end of each reload that is asked for, by SIGHUP or through the control socket. */
  readonly serviceManager?: Pick<ServiceManager, "reloading"> | undefined;
  readonly instance: string;
  readonly log: Log;
}

/** Maximum number of errors of one file that are logged. `healthbridge validate` prints all. */
const MAX_LOGGED_ERRORS = 100;

type Request = "changed" | "forced" | "files";

/** Requests that wait are answered in this order. */
const ORDER: readonly Request[] = ["forced", "changed", "files"];

export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #daemon: Promise<Daemon>;
  /** The configuration in use. */
  #loaded: ValidConfig;
  readonly #requested = new Set<Request>();
  /** Callers that wait for the result of the next forced reload. */
  #waiting: ((result: ReloadResult) => void)[] = [];
  readonly #files: NamedFilesWatch;
  /** What was logged of a file that could not be used, by path. */
  #failures: ReadonlyMap<string, string> = new Map();
  /** The file of the configuration has been deleted. */
  #isMissing = false;
  #isRunning = false;
  readonly #stopped = new AbortController();

  constructor(deps: ReloaderDeps, daemon: Promise<Daemon>, loaded: ValidConfig) {
    this.#deps = deps;
    this.#daemon = daemon;
    this.#loaded = loaded;
    this.#files = new NamedFilesWatch(deps.clock, deps.threads, () => void this.request("files").catch(() => {}));
  }

  /** Watches the files that the configuration names. */
  watchFiles(): void {
    this.#files.watch(this.#loaded.files);
  }

  /**
   * Reloads as soon as the file is settled. `changed`: only if its content is another one; `files`: only the files that the
   * configuration names. Requests that come meanwhile are answered by one more reload. Rejects if the daemon does not start.
   */
  async request(request: Request): Promise<void> {
    this.#requested.add(request);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#take(); next !== undefined; next = this.#take()) {
        const waiting = next === "forced" ? this.#waiting.splice(0) : [];
        const reloaded = next === "forced" ? this.#deps.serviceManager?.reloading() : undefined;
        const result = next === "files" ? await this.#renew() : await this.#reload(next);
        reloaded?.();
        for (const resolve of waiting) resolve(result ?? this.#ended());
      }
    } finally {
      this.#isRunning = false;
      if (this.#stopped.signal.aborted) for (const resolve of this.#waiting.splice(0)) resolve(this.#ended());
    }
  }

  /** Does what SIGHUP does, and resolves with the result. */
  reload(): Promise<ReloadResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.request("forced").catch(reject);
    });
  }

  #ended(): ReloadResult {
    const configFile = this.#deps.file?.name ?? "";
    return { kind: "refused", configFile, faults: ["healthbridge is shutting down; nothing was reloaded"] };
  }

  /** Ends a running reload, which then changes nothing, and begins no other. */
  stop(): void {
    this.#files.close();
    this.#stopped.abort(new Error("the daemon ends"));
  }

  #take(): Request | undefined {
    if (this.#stopped.signal.aborted) return undefined;
    const request = ORDER.find((each) => this.#requested.has(each));
    if (request === "forced") this.#requested.clear();
    else if (request !== undefined) this.#requested.delete(request);
    return request;
  }

  /** The result; `undefined` when nothing was reloaded. */
  async #reload(request: Request): Promise<ReloadResult | undefined> {
    const { file, reload, instance, log } = this.#deps;
    const { signal } = this.#stopped;
    const daemon = await this.#daemon;
    try {
      if (file === undefined) {
        await this.#files.readAll();
        await this.#renew();
        log.write("info", "reloaded", "nothing to reload: the configuration does not come from a file");
      } else {
        const onSlow = (text: string) =>
          log.write("warn", "config-changing", `${file.name} ${text}; keeping the previous configuration`);
        const isChanged = request !== "changed" || (await file.watch.isChanged(onSlow));
        this.#reportMissing(file);
        if (!isChanged) return undefined;
        const loaded = await file.watch.read(() => reload(this.#loaded, signal), onSlow);
        if (signal.aborted) return undefined;
        await this.#apply(daemon, loaded, file.name);
      }
      publish("reload", { instance, error: undefined });
      return { kind: "applied", configFile: file?.name ?? "" };
    } catch (error) {
      if (signal.aborted) return undefined;
      // it was deleted while it was read: SIGHUP alone asks for an answer
      if (request === "changed" && file?.watch.isMissing === true) return this.#reportMissing(file);
      const faults = messageOf(error).split("\n");
      this.#logRefusal(faults);
      publish("reload", { instance, error });
      return { kind: "refused", configFile: file?.name ?? "", faults };
    }
  }

  /** Logs once that the file has been deleted. A program that replaces a file may delete it for a moment. */
  #reportMissing({ name, watch: { isMissing } }: WatchedFile): undefined {
    if (isMissing && !this.#isMissing)
      this.#deps.log.write("warn", "config-missing", `${name} is missing; keeping the previous configuration`);
    this.#isMissing = isMissing;
  }

  async #apply(daemon: Daemon, next: ValidConfig, file: string): Promise<void> {
    await daemon.reload(next.config);
    logOverridden(this.#deps.log, this.#loaded, next, file);
    this.#loaded = next;
    this.#failures = new Map();
    this.watchFiles();
    this.#deps.log.write("info", "reloaded", `reloaded ${file}`);
  }

  /** Takes the new contents of files. One that cannot be used keeps its previous content. */
  async #renew(): Promise<undefined> {
    const { renew, log } = this.#deps;
    const { signal } = this.#stopped;
    const daemon = await this.#daemon;
    const previous = this.#loaded;
    const { changed } = this.#files;
    try {
      const { failed, renewed, ...next } = await renew(previous, changed, signal);
      if (signal.aborted) return undefined;
      this.#files.watch(next.files);
      if (renewed.length > 0) await daemon.reload({ ...next.config, keepsStates: true });
      this.#loaded = next;
      if (renewed.length > 0) log.write("info", "file-reloaded", `reloaded ${renewed.join(", ")}`, { files: renewed });
      this.#reportFailures(failed, new Set(pathsInUse(next.files, changed)));
    } catch (error) {
      if (signal.aborted) return undefined;
      // the validation itself has failed, so every file may be the cause: one stands for all
      const [[path, kind] = ["a file", "secret"] as const] = previous.files
        .filter(({ path }) => changed.has(path))
        .map(({ path, kind }) => [path, kind] as const);
      this.#reportFailures([{ path, kind, message: messageOf(error) }], new Set());
    }
    return undefined;
  }

  /** Counts each failure, and logs the first of a kind for each file. @param inUse files without a failure */
  #reportFailures(failed: readonly FailedFile[], inUse: ReadonlySet<string>): void {
    const { instance, log } = this.#deps;
    for (const { path, kind, message } of failed) {
      publish("file-reload-failed", { instance, kind });
      if (this.#failures.get(path) === message) continue;
      const [first = ""] = message.split("\n");
      const text = `${path} has changed and cannot be used: ${first}; keeping its previous content`;
      log.write("error", "file-reload-failed", text, { file: path, kind });
    }
    const earlier = [...this.#failures].filter(([path]) => !inUse.has(path));
    this.#failures = new Map([...earlier, ...failed.map(({ path, message }) => [path, message] as const)]);
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

/** The files whose newest content is the one in use. */
function pathsInUse(files: readonly NamedFile[], changed: KnownContents): readonly string[] {
  const isInUse = ({ path, content }: NamedFile) => textOf(changed.get(path) ?? content) === textOf(content);
  return files.filter(isInUse).map(({ path }) => path);
}
