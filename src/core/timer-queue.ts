/**
 * Many due times, one timer.
 *
 *     timer.at(t) --> [ heap, the earliest on top ] --> one clock timer for the top --> action, in order of due time
 *
 * A daemon with thousands of checks would otherwise keep thousands of timers. `runDue` may also be called by whoever
 * must not act on what is overdue: after a stall of the event loop, input is often read before any timer runs.
 */
import type { CancelTimer, Clock } from "./clock.js";

/** Something that is to be done at a time, which may be moved. */
export interface Timer {
  /** Sets the time, on the clock's monotonic scale. One that is over means: as soon as possible. */
  at(dueAt: number): void;
  /** Takes the time back. It can be set again. */
  cancel(): void;
}

interface QueuedTimer {
  dueAt: number;
  /** Of two that are due at the same time, the one that was set first comes first. */
  order: number;
  /** Place in the heap; -1 when it isn't there. */
  index: number;
  readonly action: (dueAt: number) => void;
}

export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap: QueuedTimer[] = [];
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: CancelTimer = () => {};
  #running = false;
  #order = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes an timer without a time. `action` is told when it was due; it must not throw. */
  create(action: (dueAt: number) => void): Timer {
    const entry: QueuedTimer = { dueAt: Number.POSITIVE_INFINITY, order: 0, index: -1, action };
    return {
      at: (dueAt) => this.#place(entry, dueAt),
      cancel: () => {
        this.#remove(entry);
        if (this.#heap.length === 0) this.#rest();
      },
    };
  }

  /** Does everything that is due by now. O(log n) for each. */
  runDue(): void {
    const now = this.#clock.now();
    if (this.#running || (this.#heap[0]?.dueAt ?? Number.POSITIVE_INFINITY) > now) return;
    this.#running = true;
    try {
      for (let top = this.#heap[0]; top !== undefined && top.dueAt <= now; top = this.#heap[0]) {
        this.#remove(top);
        top.action(top.dueAt);
      }
    } finally {
      this.#running = false;
      this.#arm();
    }
  }

  #place(entry: QueuedTimer, dueAt: number): void {
    entry.dueAt = dueAt;
    entry.order = this.#order;
    this.#order += 1;
    if (entry.index === -1) {
      entry.index = this.#heap.length;
      this.#heap.push(entry);
    }
    this.#sift(entry);
    this.#arm();
  }

  #remove(entry: QueuedTimer): void {
    const { index } = entry;
    if (index === -1) return;
    entry.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    last.index = index;
    this.#heap[index] = last;
    this.#sift(last);
  }

  /** With nothing to do, no timer is kept. */
  #rest(): void {
    this.#disarm();
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  /** Arms the timer for the top. One that is armed for an earlier time is left: it costs less than to set it anew. */
  #arm(): void {
    const top = this.#heap[0];
    if (this.#running) return;
    if (top === undefined) this.#rest();
    if (top === undefined || top.dueAt >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = top.dueAt;
    this.#disarm = this.#clock.setTimer(Math.max(0, top.dueAt - this.#clock.now()), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.runDue();
      this.#arm();
    });
  }

  /** Moves an entry up or down to its place. */
  #sift(entry: QueuedTimer): void {
    const heap = this.#heap;
    let { index } = entry;
    for (let parent = (index - 1) >> 1; index > 0; parent = (index - 1) >> 1) {
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[index] = above;
      above.index = index;
      index = parent;
    }
    for (;;) {
      const left = 2 * index + 1;
      const child = earlier(heap[left], heap[left + 1]);
      if (child === undefined || !isBefore(child, entry)) break;
      const { index: below } = child;
      heap[index] = child;
      child.index = index;
      index = below;
    }
    heap[index] = entry;
    entry.index = index;
  }
}

function isBefore(one: QueuedTimer, other: QueuedTimer): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.order < other.order);
}

function earlier(left: QueuedTimer | undefined, right: QueuedTimer | undefined): QueuedTimer | undefined {
  return left === undefined || right === undefined || isBefore(left, right) ? left : right;
}
