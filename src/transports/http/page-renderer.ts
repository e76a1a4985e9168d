/**
 * Answers that list many things: rendered once for all requests that ask at the same time, a slice in each turn.
 *
 *     request --> a rendering of the page that is still valid? --yes----------------------> answer, in this step
 *                   | no
 *                   +-- at most 100 entries: render now ----------------------------------> answer, in this step
 *                   +-- more --> [ queue ] --> snapshot --> 64 KiB a turn --> same code? --> answers
 *                                                 ^                              | no, at most twice
 *                                                 +------------------------------+
 *
 * A rendering of several slices is valid until a status changes, and for at most 1 s: its latencies and times may be so
 * old. A rendering of one slice is valid until anything changes. So a request never gets a status that had changed before
 * the request came, and a burst of requests costs one rendering of each page.
 */
import { background } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import type { Clock } from "../../core/clock.js";
import type { SharedBytesPool } from "../../core/shared-bytes.js";
import type { StatusReader } from "../../registry/ports.js";
import type { HttpAnswer } from "../../wire/http-message.js";
import { type Headers, textAnswer } from "./answers.js";
import { RenderedPages, Rendering, type Slice } from "./rendered-pages.js";
import type { Snapshot } from "./snapshot.js";

/** What one request gets around the pieces of a page. */
export interface Envelope {
  readonly status: number;
  readonly headers: Headers;
  readonly before: string;
  readonly after: string;
}

/** An answer that lists many things. */
export interface Page {
  /** For the log. It holds no words of a client. */
  readonly name: string;
  /** Identifies the pieces: pages with the same key share a rendering. */
  readonly key: string;
  /** The pieces that are different for one request, by their positions. Default none. */
  readonly replacements?: (snapshot: Snapshot) => ReadonlyMap<number, string>;
  /** The pieces change without a change in the registry: rendered in the queue, and used again only if long. */
  readonly isVolatile: boolean;
  snapshot(): Snapshot;
  pieces(snapshot: Snapshot): Iterable<string>;
  envelope(snapshot: Snapshot): Envelope;
}

export interface PageRendererDeps {
  readonly reader: StatusReader;
  readonly clock: Clock;
  /** Holds the large answers that clients are reading. */
  readonly pool: SharedBytesPool;
}

/** A request that waits for a rendering. */
interface Waiting {
  readonly page: Page;
  readonly send: (answer: HttpAnswer) => void;
  readonly attempt: number;
}

/** A rendering that is queued or in progress. */
interface Job {
  readonly page: Page;
  readonly waiting: Waiting[];
  /** The version of its snapshot; `undefined` while it is queued. */
  statusVersion: number | undefined;
}

/** Pages with more entries are rendered in the queue. */
const MAX_PROMPT_ENTRIES = 100;

/** A slice of the text, in UTF-16 units. Most take about 1 ms to render. */
const SLICE_LENGTH = 65_536;

/** Pieces that take longer to render make a shorter slice, in milliseconds. */
const SLICE_MS = 4;

/** Requests that get one rendering in one turn of the event loop: some 2 ms for HTTP/1. */
const ANSWERS_PER_TURN = 64;

/** Renderings that a request waits for while its code changes. The last one is sent: it was true after the request came. */
const MAX_ATTEMPTS = 3;

export class PageRenderer {
  readonly #deps: PageRendererDeps;
  readonly #rendered: RenderedPages;
  readonly #queue: Job[] = [];
  /** The newest job of each key. */
  readonly #jobs = new Map<string, Job>();
  #isRunning = false;

  constructor(deps: PageRendererDeps) {
    this.#deps = deps;
    this.#rendered = new RenderedPages(deps);
  }

  /** Calls `send` once with the answer to a request for a page. */
  answer(page: Page, send: (answer: HttpAnswer) => void): void {
    this.#answer({ page, send, attempt: 1 });
  }

  #answer(request: Waiting): void {
    const { page, send } = request;
    const job = this.#jobs.get(page.key);
    if (job !== undefined && this.#willBeValid(job)) {
      job.waiting.push(request);
      return;
    }
    const rendering = this.#rendered.get(page.key) ?? this.#renderNow(page);
    if (rendering !== undefined) send(answerOf(page, rendering));
    else this.#enqueue(request);
  }

  /** Whether a job shows the statuses of now, or later ones. */
  #willBeValid({ statusVersion }: Job): boolean {
    return statusVersion === undefined || statusVersion === this.#deps.reader.statusVersion;
  }

  /** Renders a page with few entries; `undefined` for any other. */
  #renderNow(page: Page): Rendering | undefined {
    if (page.isVolatile) return undefined;
    const { version, statusVersion } = this.#deps.reader;
    const snapshot = page.snapshot();
    if (snapshot.checks.entryCount + snapshot.services.length > MAX_PROMPT_ENTRIES) return undefined;
    const slice = sliceOf([...page.pieces(snapshot)]);
    const rendering = new Rendering({ snapshot, version, statusVersion }, [slice], this.#deps);
    this.#rendered.put(page.key, rendering);
    return rendering;
  }

  #enqueue(request: Waiting): void {
    const { page } = request;
    const job: Job = { page, waiting: [request], statusVersion: undefined };
    this.#jobs.set(page.key, job);
    this.#queue.push(job);
    if (this.#isRunning) return;
    this.#isRunning = true;
    background(this.#renderQueued(), this.#deps.reader.instance, "rendering a page");
  }

  /** One job after the other, so that all of them together render one slice in a turn. */
  async #renderQueued(): Promise<void> {
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      await nextTurn();
      const rendering = await this.#render(job);
      if (this.#jobs.get(job.page.key) === job) this.#jobs.delete(job.page.key);
      for (const [index, request] of job.waiting.entries()) {
        if (index % ANSWERS_PER_TURN === 0 && index > 0) await nextTurn();
        this.#finish(request, rendering);
      }
    }
    this.#isRunning = false;
  }

  /** `undefined` when the page cannot be rendered. */
  async #render(job: Job): Promise<Rendering | undefined> {
    const { page } = job;
    const { instance, version, statusVersion } = this.#deps.reader;
    job.statusVersion = statusVersion;
    try {
      const snapshot = page.snapshot();
      const slices = await renderSlices(page.pieces(snapshot), this.#deps.clock);
      const rendering = new Rendering({ snapshot, version, statusVersion }, slices, this.#deps);
      if (rendering.isLong || !page.isVolatile) this.#rendered.put(page.key, rendering);
      return rendering;
    } catch (error) {
      publish("fault", { instance, where: page.name, error });
      return undefined;
    }
  }

  /** Sends the answer, unless its code would be another one by now. Never throws: other requests wait. */
  #finish({ page, send, attempt }: Waiting, rendering: Rendering | undefined): void {
    try {
      if (rendering === undefined) send(textAnswer(500, "INTERNAL_SERVER_ERROR"));
      else if (attempt === MAX_ATTEMPTS || !this.#isOutdated(page, rendering)) send(answerOf(page, rendering));
      else this.#answer({ page, send, attempt: attempt + 1 });
    } catch (error) {
      publish("fault", { instance: this.#deps.reader.instance, where: page.name, error });
    }
  }

  #isOutdated(page: Page, { from }: Rendering): boolean {
    if (from.statusVersion === this.#deps.reader.statusVersion) return false;
    return headOf(page.envelope(from.snapshot)) !== headOf(page.envelope(page.snapshot()));
  }
}

function answerOf(page: Page, rendering: Rendering): HttpAnswer {
  const { snapshot } = rendering.from;
  const { status, headers, before, after } = page.envelope(snapshot);
  const texts = page.replacements?.(snapshot);
  const body = texts === undefined ? rendering.body(before, after) : rendering.bodyWith(before, after, texts);
  return { status, headers, body };
}

function headOf({ status, headers }: Envelope): string {
  return JSON.stringify([status, headers]);
}

/** Renders one slice in this turn of the event loop, and each further one in a turn of its own. */
async function renderSlices(pieces: Iterable<string>, clock: Clock): Promise<readonly Slice[]> {
  const slices: Slice[] = [];
  let [ofSlice, length, startedAt] = [[] as string[], 0, clock.now()];
  for (const piece of pieces) {
    ofSlice.push(piece);
    length += piece.length;
    if (length < SLICE_LENGTH && clock.now() - startedAt < SLICE_MS) continue;
    slices.push(sliceOf(ofSlice));
    await nextTurn();
    [ofSlice, length, startedAt] = [[], 0, clock.now()];
  }
  slices.push(sliceOf(ofSlice));
  return slices;
}

function sliceOf(pieces: readonly string[]): Slice {
  let end = 0;
  const ends = pieces.map((piece) => {
    end += Buffer.byteLength(piece);
    return end;
  });
  return { bytes: Buffer.from(pieces.join("")), ends };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
