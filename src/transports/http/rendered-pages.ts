/**
 * Renderings that may be used again, within a bound of number, bytes and time.
 *
 * Clients choose some of the keys (`?exclude=`), so the least recently used rendering is dropped when there are too
 * many.
 */
import type { CancelTimer, Clock } from "../../core/clock.js";
import type { SharedBytes, SharedBytesPool } from "../../core/shared-bytes.js";
import type { StatusReader } from "../../registry/ports.js";
import type { Snapshot } from "./snapshot.js";

/** The state of the registry that a rendering shows. */
export interface RenderedFrom {
  readonly snapshot: Snapshot;
  readonly version: number;
  readonly statusVersion: number;
}

/** How long a rendering may be used again, in milliseconds: so old may the latencies and times in it be. */
const MAX_AGE_MS = 1_000;

const MAX_RENDERINGS = 64;

/** The newest rendering is kept even when it alone is larger. */
const MAX_BYTES = 24 * 1024 * 1024;

/** A body up to this size is a string, which every carrier sends in one step. */
const MAX_TEXT_BYTES = 16 * 1024;

/** Whole pieces of a page. */
export interface Slice {
  readonly bytes: Buffer;
  /** The offset at which each piece ends. */
  readonly ends: readonly number[];
}

/** The pieces of a page as bytes, and the bodies that are made of them. */
export class Rendering {
  readonly from: RenderedFrom;
  readonly renderedAt: number;
  readonly byteLength: number;
  readonly #slices: readonly Slice[];
  readonly #pool: SharedBytesPool;
  readonly #bodies = new Map<string, string | SharedBytes>();

  constructor(from: RenderedFrom, slices: readonly Slice[], deps: { clock: Clock; pool: SharedBytesPool }) {
    this.from = from;
    this.renderedAt = deps.clock.now();
    this.byteLength = slices.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#slices = slices;
    this.#pool = deps.pool;
  }

  /** Whether it took more than one turn of the event loop. */
  get isLong(): boolean {
    return this.#slices.length > 1;
  }

  /** The bytes between two texts. Equal texts make the same body. */
  body(before: string, after: string): string | SharedBytes {
    const key = `${before.length} ${before}${after}`;
    const known = this.#bodies.get(key);
    if (known !== undefined) return known;
    const body = this.#join([Buffer.from(before), ...this.#slices.map(({ bytes }) => bytes), Buffer.from(after)]);
    this.#bodies.set(key, body);
    return body;
  }

  /** The same with other texts in place of some pieces. The pieces that stay are not copied. */
  bodyWith(before: string, after: string, texts: ReadonlyMap<number, string>): string | SharedBytes {
    const indexes = [...texts.keys()].sort((a, b) => a - b);
    const parts: Buffer[] = [Buffer.from(before)];
    let [first, next] = [0, 0];
    for (const { bytes, ends } of this.#slices) {
      let at = 0;
      for (let index = indexes[next]; index !== undefined && index < first + ends.length; index = indexes[next]) {
        const start = index === first ? 0 : (ends[index - first - 1] ?? 0);
        parts.push(bytes.subarray(at, start), Buffer.from(texts.get(index) ?? ""));
        at = ends[index - first] ?? bytes.length;
        next += 1;
      }
      parts.push(bytes.subarray(at));
      first += ends.length;
    }
    return this.#join([...parts, Buffer.from(after)]);
  }

  #join(parts: readonly Buffer[]): string | SharedBytes {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return length <= MAX_TEXT_BYTES ? Buffer.concat(parts).toString() : this.#pool.share(parts);
  }
}

export class RenderedPages {
  readonly #reader: StatusReader;
  readonly #clock: Clock;
  /** By the keys of their pages, the least recently used first. */
  readonly #renderings = new Map<string, Rendering>();
  #byteLength = 0;
  #cancelSweep: CancelTimer | undefined;

  constructor({ reader, clock }: { readonly reader: StatusReader; readonly clock: Clock }) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** The rendering of a page, if it is still valid. */
  get(key: string): Rendering | undefined {
    const rendering = this.#renderings.get(key);
    if (rendering === undefined) return undefined;
    this.#delete(key, rendering);
    if (!this.#isValid(rendering)) return undefined;
    this.#add(key, rendering);
    return rendering;
  }

  /** Keeps a rendering in place of an older one of the same page. */
  put(key: string, rendering: Rendering): void {
    const before = this.#renderings.get(key);
    if (before !== undefined) this.#delete(key, before);
    this.#add(key, rendering);
    for (const [oldest, { byteLength }] of this.#renderings) {
      const isWithinBounds = this.#renderings.size <= MAX_RENDERINGS && this.#byteLength <= MAX_BYTES;
      if (isWithinBounds || oldest === key) break;
      this.#renderings.delete(oldest);
      this.#byteLength -= byteLength;
    }
    this.#cancelSweep ??= this.#clock.setTimer(MAX_AGE_MS, () => this.#sweep());
  }

  /** A long rendering may show older measurements, but no older status. */
  #isValid({ isLong, from, renderedAt }: Rendering): boolean {
    if (this.#clock.now() - renderedAt >= MAX_AGE_MS) return false;
    return isLong ? from.statusVersion === this.#reader.statusVersion : from.version === this.#reader.version;
  }

  /** Drops what is too old, so that an idle server holds no rendering. */
  #sweep(): void {
    const expired = this.#clock.now() - MAX_AGE_MS;
    for (const [key, rendering] of this.#renderings) if (rendering.renderedAt <= expired) this.#delete(key, rendering);
    const isEmpty = this.#renderings.size === 0;
    this.#cancelSweep = isEmpty ? undefined : this.#clock.setTimer(MAX_AGE_MS, () => this.#sweep());
  }

  #add(key: string, rendering: Rendering): void {
    this.#renderings.set(key, rendering);
    this.#byteLength += rendering.byteLength;
  }

  #delete(key: string, { byteLength }: Rendering): void {
    this.#renderings.delete(key);
    this.#byteLength -= byteLength;
  }
}
