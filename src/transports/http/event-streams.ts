/**
 * `/events`: the transitions of all services and checks, or of some services, as Server-Sent Events.
 *
 *     registry --> TransitionHistory --observe--> a later turn --> 64 streams a turn, each with one text for all --> clients
 *                                                       clock --> a heartbeat every 15 s
 *
 * All bridges of a thread share the streams, and one bound. Transitions of one turn are sent together.
 */
import { type AccessToken, isAuthorized } from "../../core/bearer-token.js";
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { storedName } from "../../core/service-name.js";
import type { FleetState, StatusReader } from "../../registry/ports.js";
import type { TransitionHistory } from "../../telemetry/history/transition-history.js";
import type { HttpAnswer, HttpRequest, StreamOutput } from "../../wire/http-message.js";
import { methodNotAllowed, statusHeaders, textAnswer, unauthenticated } from "./answers.js";
import { type EventSource, EventStream } from "./event-stream.js";
import {
  checkJson,
  type EventFilter,
  type EventPiece,
  eventsAfter,
  fleetEvent,
  serviceJson,
  snapshotAround,
  snapshotPieces,
} from "./event-text.js";
import type { Page, PageRenderer } from "./page-renderer.js";
import type { EventsRoute } from "./routes.js";
import { Snapshots } from "./snapshot.js";

export interface EventStreamsDeps {
  readonly reader: StatusReader;
  readonly clock: Clock;
  readonly pages: PageRenderer;
  readonly history: TransitionHistory;
  readonly token: AccessToken;
}

/** Streams that may be open at once, over all servers. */
const MAX_STREAMS = 4_096;

/** The same for one HTTP/2 connection. */
const MAX_STREAMS_PER_CONNECTION = 100;

const HEARTBEAT_INTERVAL_MS = 15_000;

/** Streams that are served in one turn of the event loop. */
const STREAMS_PER_TURN = 64;

/** Proxies must neither cache nor rewrite nor collect the stream (the last line is for nginx). */
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-content-type-options": "nosniff",
  "x-accel-buffering": "no",
} as const;

export class EventStreams {
  readonly #deps: EventStreamsDeps;
  readonly #snapshots: Snapshots;
  readonly #streams = new Set<EventStream>();
  readonly #counts = new WeakMap<object, number>();
  /** Streams that are not served yet in this round. */
  #due: EventStream[] = [];
  /** There are transitions since the round began: another one follows. */
  #isChanged = false;
  #isScheduled = false;
  #isEnded = false;
  #cancelBeat: CancelTimer | undefined;
  /** The last event about the fleet: one text for all streams. */
  #lastFleet: { readonly state: FleetState | undefined; readonly text: string } = { state: undefined, text: "" };
  /** The last piece for streams without a filter: most of them are at the same position. */
  #lastPiece: { readonly from: number; readonly upTo: number; readonly piece: EventPiece } | undefined;

  constructor(deps: EventStreamsDeps) {
    this.#deps = deps;
    this.#snapshots = new Snapshots(deps.reader);
    deps.history.observe(() => this.#schedule());
    // a stream shows what its token allowed when it was opened
    deps.token.observe(() => {
      for (const stream of [...this.#streams]) this.#guard(() => stream.cut());
    });
  }

  /** The number of open streams. */
  get size(): number {
    return this.#streams.size;
  }

  answer({ services }: EventsRoute, { method, authorization, lastEventId, connection }: HttpRequest): HttpAnswer {
    const { token, reader } = this.#deps;
    if (method !== "GET" && method !== "HEAD") return methodNotAllowed("GET, HEAD");
    const detailed = isAuthorized(authorization, token);
    if (services.length === 0 && !detailed) return unauthenticated();
    if (this.#isEnded) return textAnswer(503, "SHUTTING_DOWN", statusHeaders(undefined, reader.draining));
    const isFull = this.#streams.size >= MAX_STREAMS || this.#countOf(connection) >= MAX_STREAMS_PER_CONNECTION;
    if (isFull) return textAnswer(503, "TOO_MANY_STREAMS", { "retry-after": "5" });
    const names = services.length === 0 ? undefined : new Set(services.map(storedName));
    const source = this.#sourceOf({ names, detailed });
    const start = (output: StreamOutput) => this.#open(source, output, { lastEventId, connection });
    return { status: 200, headers: HEADERS, body: { start } };
  }

  /** Sends a snapshot to every client: the reader has covered statuses with others, or covers them no more. */
  resync(): void {
    for (const stream of this.#streams) this.#guard(() => stream.resync());
  }

  /** Sends what has changed beside the transitions: the fleet. */
  refresh(): void {
    this.#schedule();
  }

  /** Ends every stream, and refuses new ones. */
  end(): void {
    this.#isEnded = true;
    for (const stream of [...this.#streams]) this.#guard(() => stream.end());
  }

  #open(
    source: EventSource,
    output: StreamOutput,
    { lastEventId, connection }: Pick<HttpRequest, "lastEventId" | "connection">,
  ): () => void {
    const stream = new EventStream(source, output, this.#deps.history.sequenceOf(lastEventId));
    this.#streams.add(stream);
    this.#count(connection, 1);
    this.#cancelBeat ??= this.#setBeat();
    return () => {
      stream.close();
      if (!this.#streams.delete(stream)) return;
      this.#count(connection, -1);
      if (this.#streams.size > 0) return;
      this.#cancelBeat?.();
      this.#cancelBeat = undefined;
    };
  }

  #countOf(connection: object | undefined): number {
    return connection === undefined ? 0 : (this.#counts.get(connection) ?? 0);
  }

  #count(connection: object | undefined, change: number): void {
    if (connection !== undefined) this.#counts.set(connection, this.#countOf(connection) + change);
  }

  #setBeat(): CancelTimer {
    return this.#deps.clock.setTimer(HEARTBEAT_INTERVAL_MS, () => {
      this.#cancelBeat = this.#setBeat();
      for (const stream of [...this.#streams]) this.#guard(() => stream.beat());
    });
  }

  #schedule(): void {
    if (this.#streams.size === 0) return;
    this.#isChanged = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#pumpDue());
  }

  /** A round goes on to its end: a transition in each turn would keep it with the first streams otherwise. */
  #pumpDue(): void {
    if (this.#due.length === 0 && this.#isChanged) {
      this.#due = [...this.#streams];
      this.#isChanged = false;
    }
    for (const stream of this.#due.splice(0, STREAMS_PER_TURN)) this.#guard(() => stream.pump());
    this.#isScheduled = this.#due.length > 0 || this.#isChanged;
    if (this.#isScheduled) setImmediate(() => this.#pumpDue());
  }

  /** One stream that throws must not keep the others from their events, nor end the process. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      publish("fault", { instance: this.#deps.reader.instance, where: "an event stream", error });
    }
  }

  #sourceOf(filter: EventFilter): EventSource {
    const { history } = this.#deps;
    const { names, detailed } = filter;
    return {
      fleet: () => (detailed ? this.#fleetEvent() : ""),
      canContinue: (sequence) => history.canContinue(sequence),
      after: (sequence) => (names === undefined ? this.#after(sequence) : eventsAfter(history, sequence, filter)),
      snapshot: (send) => (names === undefined ? this.#snapshotOfAll(send) : this.#snapshotOf(names, filter, send)),
    };
  }

  #fleetEvent(): string {
    const { fleet } = this.#deps.reader;
    if (fleet !== this.#lastFleet.state)
      this.#lastFleet = { state: fleet, text: fleet === undefined ? "" : fleetEvent(fleet) };
    return this.#lastFleet.text;
  }

  #after(sequence: number): EventPiece {
    const { history } = this.#deps;
    const last = this.#lastPiece;
    if (last?.from === sequence && last.upTo === history.last) return last.piece;
    const piece = eventsAfter(history, sequence, { names: undefined, detailed: true });
    this.#lastPiece = { from: sequence, upTo: history.last, piece };
    return piece;
  }

  /** Shared by all clients that ask at the same time, and rendered over several turns: see `PageRenderer`. */
  #snapshotOfAll(send: (body: HttpAnswer["body"] | undefined, sequence: number) => void): void {
    const { pages, history } = this.#deps;
    let position = history.last;
    const page: Page = {
      name: "events",
      key: "events",
      isVolatile: false,
      snapshot: () => this.#snapshots.withAll(),
      pieces: snapshotPieces,
      envelope: (snapshot) => {
        position = snapshot.sequence ?? history.last;
        return { status: 200, headers: HEADERS, ...snapshotAround(history, snapshot) };
      },
    };
    pages.answer(page, ({ status, body }) => send(status === 200 ? body : undefined, position));
  }

  #snapshotOf(
    names: ReadonlySet<string>,
    { detailed }: EventFilter,
    send: (body: string, sequence: number) => void,
  ): void {
    const { reader, history } = this.#deps;
    const services = [...names].flatMap((name) => {
      const status = reader.read(name);
      return status === undefined ? [] : [serviceJson(name, status, detailed)];
    });
    const checks = detailed ? [...names].flatMap((name) => reader.check(name) ?? []).map(checkJson) : [];
    const { before, after } = snapshotAround(history, reader);
    const text = `${before}${services.join(",")}],"checks":[${checks.join(",")}${after}`;
    send(text, reader.sequence ?? history.last);
  }
}
