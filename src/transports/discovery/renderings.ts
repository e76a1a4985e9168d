/**
 * The bodies of views: rendered once for each index, and shared by all clients that ask for the same.
 *
 *     request --> body of this index is kept? --yes------------------------------> answer, in this step
 *                   | no
 *                   +-- at most 100 instances: render now -----------------------> answer, in this step
 *                   +-- more --> [ queue ] --> content --> 64 KiB a turn --------> answers, 64 a step
 *                                   ^                                      |
 *                                   '-- as long a pause as it has taken ---'
 *
 * A long list is read from the catalog in one step, and rendered over several turns. An answer may so be some
 * milliseconds old, with the index that it had. While instances flap, the pause leaves half of the time to everything else.
 */
import { background } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import type { Clock } from "../../core/clock.js";
import type { FairTurns } from "../../core/fair-turns.js";
import type { SharedBytes, SharedBytesPool } from "../../core/shared-bytes.js";
import type { ListContent, ListView } from "./view.js";

export interface RenderingsDeps {
  readonly clock: Clock;
  /** Those of the server. */
  readonly turns: FairTurns;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  /** Holds the large answers that clients are reading. */
  readonly pool: SharedBytesPool;
}

/** A view as it was at an index. */
export interface RenderedList {
  readonly index: number;
  readonly body: string | SharedBytes;
}

/** Called with the body, with `unknown` when the list must not be told any more, or with nothing when it could not be rendered. */
export type OnRendered = (rendered: Rendered) => void;

type Rendered = RenderedList | "unknown" | undefined;

interface RenderJob {
  readonly view: ListView;
  readonly waiting: OnRendered[];
}

/** Longer lists are rendered in the queue. */
const MAX_PROMPT_INSTANCES = 100;

/** A slice of a list, in UTF-16 units, or in milliseconds if that comes first. */
const SLICE_LENGTH = 65_536;
const SLICE_MS = 4;

/** The longest pause after a rendering. */
const MAX_PAUSE_MS = 1_000;

/** Answers with one body that wait at a time. */
const ANSWERS_PER_STEP = 64;

/** Bounds of the bodies that are kept for the next request. The newest is kept also when it alone is larger. */
const MAX_KEPT = 512;
const MAX_KEPT_BYTES = 24 * 1024 * 1024;

/** A body up to this size is a string, which every carrier sends in one step. */
const MAX_TEXT_BYTES = 16 * 1024;

export class Renderings {
  readonly #deps: RenderingsDeps;
  /** By the keys of their views, the least recently used first. */
  readonly #kept = new Map<string, RenderedList & { readonly byteLength: number }>();
  #keptBytes = 0;
  readonly #queue: RenderJob[] = [];
  /** The jobs that have not begun, by the keys of their views. */
  readonly #queued = new Map<string, RenderJob>();
  #isRunning = false;

  constructor(deps: RenderingsDeps) {
    this.#deps = deps;
  }

  /** Calls `onRendered` once with the list as it is now or later, in the same step if it is short or kept. */
  render(view: ListView, onRendered: OnRendered): void {
    const kept = this.#kept.get(view.key);
    if (kept?.index === view.index) {
      this.#kept.delete(view.key);
      this.#kept.set(view.key, kept);
      onRendered(kept);
      return;
    }
    const queued = this.#queued.get(view.key);
    if (queued !== undefined) {
      queued.waiting.push(onRendered);
      return;
    }
    const content = view.content();
    if (content.size > MAX_PROMPT_INSTANCES) this.#enqueue({ view, waiting: [onRendered] });
    else onRendered(this.#keep(view.key, view.index, [Buffer.from(textOf(content))]));
  }

  #enqueue(job: RenderJob): void {
    this.#queued.set(job.view.key, job);
    this.#queue.push(job);
    if (this.#isRunning) return;
    this.#isRunning = true;
    background(this.#run(), this.#deps.instance, "rendering lists of instances");
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      await nextTurn();
      const startedAt = clock.now();
      const rendered = await this.#renderJob(job);
      const pauseMs = Math.min(clock.now() - startedAt, MAX_PAUSE_MS);
      for (const [at, onRendered] of job.waiting.entries()) {
        if (at > 0 && at % ANSWERS_PER_STEP === 0) await this.#afterAnswers();
        this.#tell(onRendered, rendered);
      }
      await new Promise<void>((resume) => void clock.setTimer(pauseMs, resume));
    }
    this.#isRunning = false;
  }

  /** A new share is light, and behind the answers that wait: see `BlockedQueries`. */
  #afterAnswers(): Promise<void> {
    return new Promise((resume) => this.#deps.turns.open().queue(resume));
  }

  /** The list is read here, some turns after the step that has found it known. */
  async #renderJob({ view }: RenderJob): Promise<Rendered> {
    this.#queued.delete(view.key);
    try {
      if (!view.isKnown) return "unknown";
      const { index } = view;
      return this.#keep(view.key, index, await this.#renderSlices(view.content()));
    } catch (error) {
      publish("fault", { instance: this.#deps.instance, where: "rendering a list of instances", error });
      return undefined;
    }
  }

  /** Renders one slice in this turn of the event loop, and each further one in a turn of its own. */
  async #renderSlices({ before, pieces, after }: ListContent): Promise<readonly Buffer[]> {
    const { clock } = this.#deps;
    const slices: Buffer[] = [];
    let [text, separator, startedAt] = [before, "", clock.now()];
    for (const piece of pieces) {
      text += separator + piece;
      separator = ",";
      if (text.length < SLICE_LENGTH && clock.now() - startedAt < SLICE_MS) continue;
      slices.push(Buffer.from(text));
      await nextTurn();
      [text, startedAt] = ["", clock.now()];
    }
    slices.push(Buffer.from(text + after));
    return slices;
  }

  /** One request that throws must not keep the others from their answers. */
  #tell(onRendered: OnRendered, rendered: Rendered): void {
    try {
      onRendered(rendered);
    } catch (error) {
      publish("fault", { instance: this.#deps.instance, where: "an answer of discovery", error });
    }
  }

  #keep(key: string, index: number, slices: readonly Buffer[]): RenderedList {
    const byteLength = slices.reduce((sum, { length }) => sum + length, 0);
    const isText = byteLength <= MAX_TEXT_BYTES;
    const body = isText ? Buffer.concat(slices).toString() : this.#deps.pool.share(slices);
    const rendered = { index, body, byteLength };
    this.#drop(key);
    this.#kept.set(key, rendered);
    this.#keptBytes += byteLength;
    for (const oldest of this.#kept.keys()) {
      const isWithinBounds = this.#kept.size <= MAX_KEPT && this.#keptBytes <= MAX_KEPT_BYTES;
      if (isWithinBounds || oldest === key) break;
      this.#drop(oldest);
    }
    return rendered;
  }

  #drop(key: string): void {
    this.#keptBytes -= this.#kept.get(key)?.byteLength ?? 0;
    this.#kept.delete(key);
  }
}

function textOf({ before, pieces, after }: ListContent): string {
  return `${before}${[...pieces].join(",")}${after}`;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
