/**
 * The entry of a listener thread: it serves gRPC and HTTP over a mirror of the registry, with the same engine and the same
 * answers as the main thread.
 *
 *     parent port --patch--> StatusMirror <--read-- engine, bridge --> CLIENTS
 *     shared memory --sign of life--> Silence --> "stalled"
 *
 * The thread ends with the main thread, whatever ends that: then no address is open any more.
 */
import { write } from "node:fs";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { background } from "../../core/background.js";
import { AccessToken } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import { systemClock } from "../../core/clock.js";
import { HealthError, messageOf } from "../../core/health-error.js";
import { TransitionHistory } from "../../telemetry/history/transition-history.js";
import { logStall } from "../../telemetry/log.js";
import { formatLine } from "../../telemetry/log-text.js";
import { type MainReadings, Metrics, type ServerReadings } from "../../telemetry/metrics.js";
import type { HeartbeatAnswer, HeartbeatListener } from "../../transports/http/heartbeats.js";
import type { MetricsPage } from "../../transports/http/metrics-page.js";
import type { HttpAnswer, HttpRequest } from "../../wire/http-message.js";
import { OpenServer, type ThreadLog } from "../server.js";
import { createServing } from "../serving.js";
import { EventRelay, OF_LISTENER } from "./event-relay.js";
import {
  ANSWER_TIMEOUT_MS,
  type ErrorParts,
  type FromThread,
  processTime,
  type ThreadStart,
  type ToThread,
} from "./messages.js";
import { Questions } from "./questions.js";
import { type RelayedAnswer, receivedAnswer, relayableRequest } from "./relayed-answer.js";
import { SharedNumbers } from "./shared-numbers.js";
import { Silence, TICK_MS } from "./silence.js";
import { StatusMirror } from "./status-mirror.js";

/** The descriptor. In a thread, `process.stdout` goes through the main thread. */
const STDOUT = 1;

/** More heartbeats are refused. */
const HEARTBEATS = { timeoutMs: ANSWER_TIMEOUT_MS, maxWaiting: 1_000 } as const;

/** More requests about the past are answered without it. */
const REQUESTS = { timeoutMs: ANSWER_TIMEOUT_MS, maxWaiting: 100 } as const;

/** A scrape waits for the main thread for a moment. Without its answer, it shows what this thread counts. */
const READINGS = { timeoutMs: 1_000, maxWaiting: 100 } as const;

class ListenerThread {
  readonly #start: ThreadStart;
  readonly #post: (message: FromThread) => void;
  readonly #numbers: SharedNumbers;
  readonly #mirror: StatusMirror;
  readonly #silence: Silence;
  readonly #token: AccessToken;
  readonly #relay: EventRelay;
  readonly #history: TransitionHistory | undefined;
  readonly #heartbeats = new Questions<HeartbeatAnswer>(systemClock, HEARTBEATS);
  readonly #requests = new Questions<RelayedAnswer>(systemClock, REQUESTS);
  readonly #asked = new Questions<MainReadings>(systemClock, READINGS);
  /** What the main thread has answered to the last scrape. */
  #main: MainReadings | undefined;
  readonly #stop = new AbortController();
  /** Events are with the main thread, which has not taken them yet. */
  #isEventsOut = false;
  #server: OpenServer | undefined;
  /** Steps that came while the addresses were opened, in their order. */
  #waitingSteps: ((server: OpenServer) => void)[] = [];
  readonly #serving: ReturnType<typeof createServing>;

  constructor(start: ThreadStart, post: (message: FromThread) => void) {
    const { instance, listLimit, maxWatchers, numbers, statuses, counted, epoch, page, hosts } = start;
    this.#start = start;
    this.#post = post;
    this.#numbers = new SharedNumbers(numbers);
    this.#silence = new Silence(systemClock, () => this.#numbers.read("beats"));
    this.#mirror = new StatusMirror({ clock: systemClock, instance }, () => this.#serving.bridge.events?.resync());
    this.#mirror.apply(statuses);
    this.#token = new AccessToken(start.token);
    this.#relay = new EventRelay(instance, OF_LISTENER);
    const [clock, random, reader] = [systemClock, Math.random, this.#mirror];
    const [server, main] = [() => this.#readings(), () => this.#main];
    const metrics = counted && this.#metricsPage(new Metrics({ clock, reader, server, main }, counted));
    const [token, onHeartbeat] = [this.#token, this.#onHeartbeat];
    const askPast = (request: HttpRequest) => this.#askPast(request);
    this.#history = epoch === undefined ? undefined : new TransitionHistory(epoch, statuses.lastTransition);
    const common = {
      token,
      listLimit,
      maxWatchers,
      onHeartbeat,
      metrics,
      history: this.#history,
      page,
      hosts,
      askPast,
    };
    this.#serving = createServing({ ...common, reader, clock, random });
  }

  /** Binds the addresses, and posts whether that has succeeded. */
  async open(): Promise<void> {
    const { addresses, options } = this.#start;
    const deps = { ...this.#serving, signal: this.#stop.signal, onClosed: () => {} };
    try {
      this.#server = await OpenServer.start(deps, addresses, options);
    } catch (error) {
      this.#post({ kind: "refused", error: errorParts(error) });
      return;
    }
    for (const step of this.#waitingSteps) step(this.#server);
    this.#waitingSteps = [];
    this.#tick();
    this.#post({ kind: "listening", addresses: this.#server.addresses });
  }

  receive(message: ToThread): void {
    switch (message.kind) {
      case "patch":
        this.#relay.publish(message.patch.events);
        this.#mirror.apply(message.patch);
        for (const transition of message.patch.transitions) this.#history?.add(transition);
        if (message.patch.fleet !== undefined) this.#serving.bridge.events?.refresh();
        this.#numbers.write("applied", message.patch.sequence);
        break;
      case "heartbeat-answer":
        this.#heartbeats.answer(message.id, message.answer);
        break;
      case "relayed-answer":
        this.#requests.answer(message.id, message.answer);
        break;
      case "readings-answer":
        this.#asked.answer(message.id, message.readings);
        break;
      case "events-taken":
        this.#isEventsOut = false;
        break;
      case "token":
        this.#token.value = message.token;
        break;
      case "tls":
        this.#whenOpen((server) => server.replaceTls(message.identity));
        break;
      case "stop-accepting":
        this.#whenOpen((server) => server.stopAccepting());
        break;
      case "close-gracefully":
        this.#whenOpen((server) => this.#inBackground(this.#closeGracefully(server)));
        break;
      case "close":
        this.#inBackground(this.#close());
        break;
      default:
        message satisfies never;
    }
  }

  #whenOpen(step: (server: OpenServer) => void): void {
    if (this.#server === undefined) this.#waitingSteps.push(step);
    else step(this.#server);
  }

  async #closeGracefully(server: OpenServer): Promise<void> {
    this.#serving.endStreams();
    await server.closeGracefully();
    this.#post({ kind: "idle" });
  }

  async #close(): Promise<void> {
    this.#stop.abort(new HealthError("ALREADY_STOPPED", "the listener was closed while it was opened"));
    await this.#server?.close();
    this.#postEvents();
    this.#post({ kind: "closed" });
  }

  /** Looks at the sign of life, and writes what the main thread reads. */
  #tick(): void {
    systemClock.setTimer(TICK_MS, () => this.#tick());
    this.#silence.tick();
    const { ms } = this.#silence;
    const before = this.#mirror.stalledMs;
    this.#mirror.setStalled(ms >= this.#start.stallAfterMs ? ms : undefined);
    this.#reportStall(before);
    this.#numbers.write("connections", this.#server?.connectionCount ?? 0);
    this.#numbers.write("watchers", this.#mirror.watcherCount);
    this.#numbers.write("watchedNames", this.#mirror.watchedNameCount);
    this.#postEvents();
  }

  /** The main thread gets the message when it runs again. Until then, only this thread can write to the log. */
  #reportStall(beforeMs: number | undefined): void {
    const { instance, options } = this.#start;
    const { stalledMs } = this.#mirror;
    const silenceMs = stalledMs ?? beforeMs;
    if (silenceMs === undefined || (stalledMs === undefined) === (beforeMs === undefined)) return;
    const isOver = stalledMs === undefined;
    publish("main-thread-stalled", { instance, silenceMs, isOver });
    if (!isOver && options.threadLog !== undefined) writeStall(options.threadLog, silenceMs);
  }

  #postEvents(): void {
    if (this.#isEventsOut || this.#relay.isEmpty) return;
    this.#isEventsOut = true;
    this.#post({ kind: "events", events: this.#relay.take() });
  }

  /** Asks the main thread. A report that it has not taken in time does not count. */
  readonly #onHeartbeat: HeartbeatListener = async (check, authorization, report) => {
    const heartbeat = { kind: "heartbeat", check, authorization, report, askedAt: processTime() } as const;
    return (await this.#heartbeats.ask((id) => this.#post({ ...heartbeat, id }))) ?? "stalled";
  };

  /** Asks the main thread, which knows the past. While it is stalled, it is not asked. */
  async #askPast(request: HttpRequest): Promise<HttpAnswer | undefined> {
    if (this.#mirror.stalledMs !== undefined) return undefined;
    const question = { kind: "request", request: relayableRequest(request) } as const;
    const answer = await this.#requests.ask((id) => this.#post({ ...question, id }));
    return answer && receivedAnswer(answer, this.#serving.pool);
  }

  #metricsPage(metrics: Metrics): MetricsPage {
    const prepare = async () => {
      const isStalled = this.#mirror.stalledMs !== undefined;
      this.#main = isStalled ? undefined : await this.#asked.ask((id) => this.#post({ kind: "readings", id }));
    };
    return { lines: (format) => metrics.lines(format), prepare };
  }

  #readings(): ServerReadings {
    const others = this.#numbers.read("otherCertificateEndsAt");
    const own = this.#server?.certificateEndsAt;
    const ends = [...(own === undefined ? [] : [own]), ...(others === 0 ? [] : [others * 1000])];
    return {
      connectionCount: (this.#server?.connectionCount ?? 0) + this.#numbers.read("otherConnections"),
      watcherCount: this.#mirror.watcherCount + this.#numbers.read("otherWatchers"),
      certificateEndsAt: ends.length === 0 ? undefined : Math.min(...ends),
      heapUsedBytes: this.#numbers.read("heapKilobytes") * 1024,
      silenceMs: this.#silence.ms,
    };
  }

  #inBackground(work: Promise<void>): void {
    background(work, this.#start.instance, "a listener thread");
  }
}

/** Writes to stdout without the main thread, which has the stream. A line that the reader does not take is lost. */
function writeStall({ level, form }: ThreadLog, silenceMs: number): void {
  logStall(level, { write: (line) => write(STDOUT, formatLine(line, form), () => {}) }, silenceMs);
}

function errorParts(error: unknown): ErrorParts {
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    code: error instanceof HealthError ? error.code : undefined,
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
    cause: cause instanceof Error ? { message: cause.message, code: codeOf(cause) } : undefined,
  };
}

function codeOf(error: Error): string | undefined {
  return "code" in error ? String(error.code) : undefined;
}

function run(start: ThreadStart, port: MessagePort): void {
  const thread = new ListenerThread(start, (message) => port.postMessage(message));
  port.on("message", (message: ToThread) => {
    try {
      thread.receive(message);
    } catch (error) {
      publish("fault", { instance: start.instance, where: `a listener thread: ${message.kind}`, error });
    }
  });
  background(thread.open(), start.instance, "a listener thread");
}

// only `thread-server` starts this file
if (parentPort !== null) run(workerData as ThreadStart, parentPort);
