/**
 * Many timers on one timer of the clock.
 *
 *     timer.at(t) --> [ heap, the earliest on top ] --> one clock timer for the top --> action, in order of due time
 *
 * A daemon with thousands of checks would otherwise keep thousands of timers of the system. `runDue` can also be called
 * directly: after the event loop was blocked, input is often read before any timer fires.
 */
import type { CancelTimer, Clock } from "./clock.js";

/** A timer of a queue, which can be set again and again. */
export interface Timer {
  /** Sets the due time, in monotonic time. A time in the past means as soon as possible. */
  at(dueAt: number): void;
  /** Cancels the due time. The timer can be set again. */
  cancel(): void;
}

/** A class, and no functions over variables: there are several for each of many checks. */
class QueuedTimer implements Timer {
  dueAt = Number.POSITIVE_INFINITY;
  /** Of two timers with the same due time, the one that was set first fires first. */
  order = 0;
  /** Place in the heap; -1 when it is not in the heap. */
  index = -1;
  readonly action: (dueAt: number) => void;
  readonly #queue: TimerQueue;

  constructor(queue: TimerQueue, action: (dueAt: number) => void) {
    this.#queue = queue;
    this.action = action;
  }

  at(dueAt: number): void {
    this.#queue.set(this, dueAt);
  }

  cancel(): void {
    this.#queue.cancel(this);
  }
}

export class TimerQueue {
  readonly #clock: Clock;
  readonly #maxRuns: number;
  readonly #heap: QueuedTimer[] = [];
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: CancelTimer = () => {};
  #running = false;
  #order = 0;

  /** @param maxRuns how many actions run in one turn of the event loop. Default: all that are due */
  constructor(clock: Clock, maxRuns = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#maxRuns = maxRuns;
  }

  /** Creates a timer that is not set. `action` gets the due time; it must not throw. */
  create(action: (dueAt: number) => void): Timer {
    return new QueuedTimer(this, action);
  }

  /** Runs the action of every timer that is due, or of as many as may run in one turn. O(log n) for each. */
  runDue(): void {
    const now = this.#clock.now();
    if (this.#running || (this.#heap[0]?.dueAt ?? Number.POSITIVE_INFINITY) > now) return;
    this.#running = true;
    try {
      for (let left = this.#maxRuns; left > 0; left -= 1) {
        const top = this.#heap[0];
        if (top === undefined || top.dueAt > now) break;
        this.#remove(top);
        top.action(top.dueAt);
      }
    } finally {
      this.#running = false;
      this.#arm();
    }
  }

  /** @internal for the timers of this queue */
  set(timer: QueuedTimer, dueAt: number): void {
    timer.dueAt = dueAt;
    timer.order = this.#order;
    this.#order += 1;
    if (timer.index === -1) {
      timer.index = this.#heap.length;
      this.#heap.push(timer);
    }
    this.#sift(timer);
    this.#arm();
  }

  /** @internal for the timers of this queue */
  cancel(timer: QueuedTimer): void {
    this.#remove(timer);
    if (this.#heap.length === 0) this.#stop();
  }

  #remove(timer: QueuedTimer): void {
    const { index } = timer;
    if (index === -1) return;
    timer.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    last.index = index;
    this.#heap[index] = last;
    this.#sift(last);
  }

  /** Cancels the clock timer: an empty queue has none. */
  #stop(): void {
    this.#disarm();
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  /** Arms the clock timer for the top. One that is armed for an earlier time stays: that is cheaper than a new one. */
  #arm(): void {
    const top = this.#heap[0];
    if (this.#running) return;
    if (top === undefined) this.#stop();
    if (top === undefined || top.dueAt >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = top.dueAt;
    this.#disarm = this.#clock.setTimer(Math.max(0, top.dueAt - this.#clock.now()), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.runDue();
      this.#arm();
    });
  }

  /** Moves a timer up or down to its place in the heap. */
  #sift(timer: QueuedTimer): void {
    const heap = this.#heap;
    let { index } = timer;
    for (let parent = (index - 1) >> 1; index > 0; parent = (index - 1) >> 1) {
      const above = heap[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      heap[index] = above;
      above.index = index;
      index = parent;
    }
    for (;;) {
      const left = 2 * index + 1;
      const child = earlier(heap[left], heap[left + 1]);
      if (child === undefined || !isBefore(child, timer)) break;
      const { index: below } = child;
      heap[index] = child;
      child.index = index;
      index = below;
    }
    heap[index] = timer;
    timer.index = index;
  }
}

function isBefore(one: QueuedTimer, other: QueuedTimer): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.order < other.order);
}

function earlier(left: QueuedTimer | undefined, right: QueuedTimer | undefined): QueuedTimer | undefined {
  return left === undefined || right === undefined || isBefore(left, right) ? left : right;
}
