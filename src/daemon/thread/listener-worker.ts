/**
 * One run of a listener thread, seen from the main thread: starts it, feeds it, answers it, ends it.
 *
 *     StatusFeed --patch--> [ thread ] --heartbeat, request, events, connections--> this thread
 *     a timer of this thread --sign of life--> shared memory
 */
import { createRequire } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { CheckEngine } from "../../checks/check-engine.js";
import { background } from "../../core/background.js";
import type { AccessToken } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { HealthError } from "../../core/health-error.js";
import type { BoundAddress } from "../../core/listen-address.js";
import type { ListenEntry } from "../../core/listen-point.js";
import { heapUsedBytes } from "../../core/memory.js";
import { onProcessExit } from "../../lifecycle/signals.js";
import type { Registry } from "../../registry/registry.js";
import type { TransitionHistory } from "../../telemetry/history/transition-history.js";
import type { Metrics, ServerReadings } from "../../telemetry/metrics.js";
import { type BridgeOptions, HttpBridge } from "../../transports/http/bridge.js";
import type { HttpRequest } from "../../wire/http-message.js";
import type { ServerOptions } from "../server.js";
import { EventRelay, OF_MAIN } from "./event-relay.js";
import {
  ANSWER_TIMEOUT_MS,
  type ErrorParts,
  type FromThread,
  type HeartbeatRequest,
  processTime,
  type ThreadStart,
  type ToThread,
} from "./messages.js";
import { answerRelayed } from "./relayed-answer.js";
import { SharedNumbers } from "./shared-numbers.js";
import { BEAT_MS } from "./silence.js";
import { StatusFeed } from "./status-feed.js";

/** What a listener thread needs of the main thread. */
export interface ListenerWorkerDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly checks: CheckEngine;
  readonly token: AccessToken;
  readonly listLimit: number | undefined;
  readonly maxWatchers: number | undefined;
  /** `undefined`: the thread does not serve `/metrics`. */
  readonly metrics: Pick<Metrics, "state" | "mainReadings"> | undefined;
  /** `undefined`: the thread does not serve `/events`. */
  readonly history: TransitionHistory | undefined;
  readonly page: boolean;
  readonly hosts: readonly string[] | undefined;
  /** Answers what the thread cannot: heartbeats, and requests about the past. */
  readonly bridge: BridgeOptions;
  /** What the other servers of the same `Health` show. */
  readonly others: () => Pick<ServerReadings, "connectionCount" | "watcherCount" | "certificateEndsAt">;
}

export interface ListenerTask {
  readonly addresses: readonly ListenEntry[];
  /** Plain data only: it is copied to the other thread. */
  readonly options: ServerOptions;
  readonly stallAfterMs: number;
}

/** The file beside this one, in every form in which this package is built. */
const ENTRY = `./listener-thread${extname(import.meta.url)}`;

const here = createRequire(import.meta.url);

/** Time for a thread to close its connections. */
const CLOSE_TIMEOUT_MS = 1_000;

export class ListenerWorker {
  readonly numbers = new SharedNumbers();
  /** Rejects as `Health.listen` does. */
  readonly listening: Promise<readonly BoundAddress[]>;
  /** Resolves when the thread has ended, for any cause. */
  readonly ended: Promise<void>;
  readonly #deps: ListenerWorkerDeps;
  readonly #bridge: HttpBridge;
  readonly #worker: Worker;
  readonly #feed: StatusFeed;
  readonly #relay: EventRelay;
  readonly #releases: readonly (() => void)[];
  #cancelBeat: CancelTimer = () => {};
  #onIdle: () => void = () => {};
  #onClosed: () => void = () => {};

  /** @throws HealthError INVALID_OPTION for options that are not plain data; MISSING_PACKAGE, when the file of the thread is not beside this one */
  constructor(deps: ListenerWorkerDeps, task: ListenerTask) {
    this.#deps = deps;
    const { registry, clock, token, listLimit, maxWatchers, metrics, history, page, hosts } = deps;
    const { instance } = registry;
    this.#bridge = new HttpBridge({ ...deps.bridge, paths: task.options.paths });
    this.#relay = new EventRelay(instance, metrics === undefined ? [] : OF_MAIN, () => this.#feed.noteEvent());
    this.#feed = new StatusFeed({ ...deps, takeEvents: () => this.#relay.take() });
    const { numbers } = this;
    const statuses = this.#feed.start({
      send: (patch) => this.#post({ kind: "patch", patch }),
      get applied() {
        return numbers.read("applied");
      },
    });
    const common = {
      instance,
      listLimit,
      maxWatchers,
      page,
      hosts,
      counted: metrics?.state,
      token: token.value,
      epoch: history?.epoch,
    };
    try {
      this.#worker = startWorker({ ...task, ...common, numbers: numbers.buffer, statuses });
    } catch (error) {
      this.#feed.close();
      this.#relay.close();
      throw error;
    }
    this.ended = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.listening = this.#listening();
    this.listening.catch(() => {}); // the caller may have stopped waiting
    this.#releases = [
      token.observe((value) => this.#post({ kind: "token", token: value })),
      // what a process does while it exits must not be done under a status that is SERVING
      onProcessExit(() => this.#post({ kind: "close" })),
    ];
    this.#beat(clock);
    void this.ended.then(() => this.#release());
  }

  stopAccepting(): void {
    this.#feed.flush();
    this.#post({ kind: "stop-accepting" });
  }

  /** Ends the Watch streams, asks all clients to close, and resolves when they have. */
  closeGracefully(): Promise<void> {
    this.#feed.flush();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#post({ kind: "close-gracefully" });
    return Promise.race([idle, this.ended]);
  }

  /** Ends all connections and the thread: within a second, also when the thread does not answer. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
      const cancel = this.#deps.clock.setTimer(CLOSE_TIMEOUT_MS, resolve);
      void this.ended.then(cancel);
    });
    this.#post({ kind: "close" });
    await Promise.race([closed, this.ended]);
    await this.#worker.terminate();
  }

  send(message: Extract<ToThread, { kind: "tls" }>): void {
    this.#post(message);
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #listening(): Promise<readonly BoundAddress[]> {
    return new Promise((resolve, reject) => {
      const { instance } = this.#deps.registry;
      this.#worker.on("message", (message: FromThread) => {
        if (message.kind === "listening") resolve(message.addresses);
        else if (message.kind === "refused") reject(errorOf(message.error));
        else this.#receive(message);
      });
      this.#worker.on("error", (error) => {
        publish("fault", { instance, where: "listener thread", error });
        reject(new HealthError("LISTEN_FAILED", "the listener thread has failed while it started", { cause: error }));
      });
      this.#worker.once("exit", () =>
        reject(new HealthError("LISTEN_FAILED", "the listener thread has ended while it started")),
      );
    });
  }

  #receive(message: Exclude<FromThread, { kind: "listening" | "refused" }>): void {
    switch (message.kind) {
      case "heartbeat":
        void this.#answerHeartbeat(message);
        break;
      case "request":
        background(this.#answer(message), this.#deps.registry.instance, "a request of a listener thread");
        break;
      case "readings":
        this.#answerReadings(message.id);
        break;
      case "events":
        this.#relay.publish(message.events);
        this.#post({ kind: "events-taken" });
        break;
      case "idle":
        this.#onIdle();
        break;
      case "closed":
        this.#onClosed();
        break;
      default:
        message satisfies never;
    }
  }

  /** A report that the thread has refused meanwhile must not count: it may be much older than its arrival here. */
  async #answerHeartbeat({ id, check, authorization, report, askedAt }: HeartbeatRequest): Promise<void> {
    if (processTime() - askedAt >= ANSWER_TIMEOUT_MS) return;
    const { onHeartbeat = () => false } = this.#deps.bridge;
    const answer = await onHeartbeat(check, authorization, report);
    this.#post({ kind: "heartbeat-answer", id, answer });
  }

  async #answer({ id, request }: { readonly id: number; readonly request: HttpRequest }): Promise<void> {
    this.#post({ kind: "relayed-answer", id, answer: await answerRelayed(this.#bridge, request) });
  }

  #answerReadings(id: number): void {
    const readings = this.#deps.metrics?.mainReadings;
    if (readings !== undefined) this.#post({ kind: "readings-answer", id, readings });
  }

  /** Gives a sign of life, again and again. */
  #beat(clock: Clock): void {
    const { connectionCount, watcherCount, certificateEndsAt = 0 } = this.#deps.others();
    this.numbers.increment("beats");
    this.numbers.write("otherConnections", connectionCount);
    this.numbers.write("otherWatchers", watcherCount);
    this.numbers.write("otherCertificateEndsAt", Math.floor(certificateEndsAt / 1000));
    if (this.#deps.metrics !== undefined) this.numbers.write("heapKilobytes", Math.floor(heapUsedBytes() / 1024));
    this.#cancelBeat = clock.setTimer(BEAT_MS, () => this.#beat(clock));
  }

  #release(): void {
    this.#cancelBeat();
    this.#feed.close();
    this.#relay.close();
    for (const release of this.#releases) release();
  }
}

function startWorker(workerData: ThreadStart): Worker {
  const file = threadFile();
  try {
    // options of Node that load code of the application are not for this thread; a source file needs its loader
    const execArgv = file.endsWith(".ts") ? {} : { execArgv: [] };
    return new Worker(file, { workerData, ...execArgv, name: "healthbridge listener" });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new HealthError("INVALID_OPTION", `with thread: true, options must be plain data: ${error.message}`);
  }
}

function threadFile(): string {
  try {
    return here.resolve(ENTRY);
  } catch (cause) {
    const text = `thread: true needs the file ${fileURLToPath(new URL(ENTRY, import.meta.url))}; keep healthbridge out of the bundle of your application (external)`;
    throw new HealthError("MISSING_PACKAGE", text, { cause });
  }
}

/** The error of the other thread, as its caller would get it without a thread. */
function errorOf({ code, message, stack, cause }: ErrorParts): Error {
  const options = cause === undefined ? {} : { cause: Object.assign(new Error(cause.message), { code: cause.code }) };
  if (code !== undefined) return new HealthError(code, message, options);
  const error = new Error(message, options);
  if (stack !== undefined) error.stack = stack;
  return error;
}
