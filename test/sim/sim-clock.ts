/**
 * Simulated time: a million events a second.
 *
 * There are two kinds of events, as in Node: input (from a target) and timers. Of events at the same time, input comes
 * first. After a stall, all input that has arrived meanwhile is read before any timer fires, as with `systemClock`.
 */
import type { CancelTimer, Clock } from "../../src/core/clock.js";

export interface Event {
  at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

/** A binary heap of events. Cancelled events stay until they are at the top. */
export class EventHeap {
  readonly #heap: Event[] = [];

  get top(): Event | undefined {
    while (this.#heap.length > 0 && this.#heap[0]?.action === undefined) this.pop();
    return this.#heap[0];
  }

  push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let smaller = left;
      if (right !== undefined && isBefore(right, left)) {
        child += 1;
        smaller = right;
      }
      if (!isBefore(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Chains of promises in the code under test are short: they settle within this number of turns. */
const TURNS = 4;

export class SimClock implements Clock {
  /** Offset of the wall clock. */
  wallOffset = 0;
  /** A promise was settled: the code that awaits it must run before the next event. */
  unsettled = false;
  #now = 0;
  #order = 0;
  readonly #input = new EventHeap();
  readonly #timers = new EventHeap();

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return 1_767_225_600_000 + this.#now + this.wallOffset;
  }

  setTimer(delayMs: number, action: () => void): CancelTimer {
    const event = this.#add(this.#timers, this.#now + Math.max(0, delayMs), action);
    return () => {
      event.action = undefined;
    };
  }

  /** Calls `action` as input at a time. */
  input(at: number, action: () => void): void {
    this.#add(this.#input, at, action);
  }

  /** Blocks the event loop for this time. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** Runs all events until a time. */
  async run(until: number): Promise<void> {
    for (;;) {
      const heap = this.#nextHeap();
      const event = heap.top;
      if (event === undefined || event.at > until) break;
      heap.pop();
      this.#now = Math.max(this.#now, event.at);
      const { action } = event;
      event.action = undefined;
      action?.();
      if (!this.unsettled) continue;
      this.unsettled = false;
      for (let turn = 0; turn < TURNS; turn += 1) await undefined;
    }
    this.#now = Math.max(this.#now, until);
  }

  #nextHeap(): EventHeap {
    const [input, timer] = [this.#input.top, this.#timers.top];
    if (input === undefined) return this.#timers;
    if (timer === undefined || input.at <= this.#now || input.at <= timer.at) return this.#input;
    return this.#timers;
  }

  #add(heap: EventHeap, at: number, action: () => void): Event {
    const event: Event = { at, order: this.#order, action };
    this.#order += 1;
    heap.push(event);
    return event;
  }
}
