/**
 * Operations on files in Node's thread pool, of which some may never end: a mount does not answer.
 *
 *     on(path) --> thread free? --> done within 1 s? --yes--> its result
 *                    | no            | no
 *                    '---------------+--> undefined; the operation goes on, and the next call gets its result
 *
 * The pool has four threads, and name look-ups need it too. So threads are counted, and the files of one device, which may
 * all stop to answer, never occupy all of them.
 */
import type { CancelTimer, Clock } from "../core/clock.js";

const MAX_WAIT_MS = 1_000;

const MAX_THREADS = 3;
const MAX_OF_DEVICE = 2;

/** The threads that operations occupy. */
export class FileThreads {
  readonly #occupied: string[] = [];
  #onFree: () => void = () => {};

  /** False when too many threads are occupied, for this device or for all. */
  acquire(device: string): boolean {
    const ofDevice = this.#occupied.filter((each) => each === device);
    if (this.#occupied.length >= MAX_THREADS || ofDevice.length >= MAX_OF_DEVICE) return false;
    this.#occupied.push(device);
    return true;
  }

  /** Resolves with whether all are free, after `withinMs` at the latest: a thread that still runs then may never end. */
  areFree(withinMs: number, clock: Clock): Promise<boolean> {
    if (this.#occupied.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = clock.setTimer(withinMs, () => resolve(false));
      this.#onFree = () => {
        cancel();
        resolve(true);
      };
    });
  }

  release(device: string): void {
    this.#occupied.splice(this.#occupied.indexOf(device), 1);
    if (this.#occupied.length === 0) this.#onFree();
  }
}

interface Running<Value> {
  readonly result: Promise<Value>;
  isLate: boolean;
}

/** One kind of operation, such as `stat`. */
export class FileOperation<Value> {
  readonly #operation: (path: string) => Promise<Value>;
  readonly #threads: FileThreads;
  readonly #clock: Clock;
  readonly #running = new Map<string, Running<Value>>();
  /** Results that came after their call. */
  readonly #late = new Map<string, Value>();

  /** @param operation never rejects */
  constructor(operation: (path: string) => Promise<Value>, threads: FileThreads, clock: Clock) {
    this.#operation = operation;
    this.#threads = threads;
    this.#clock = clock;
  }

  /** The result; `undefined` while it is not known. `device`: its files may stop to answer together. */
  async on(path: string, device: string): Promise<Value | undefined> {
    const late = this.#late.get(path);
    this.#late.delete(path);
    if (late !== undefined) return late;
    const running = this.#running.get(path) ?? this.#start(path, device);
    if (running === undefined || running.isLate) return undefined;
    let cancel: CancelTimer = () => {};
    const limit = new Promise<undefined>((resolve) => {
      cancel = this.#clock.setTimer(MAX_WAIT_MS, () => {
        running.isLate = true;
        resolve(undefined);
      });
    });
    return Promise.race([running.result, limit]).finally(() => cancel());
  }

  #start(path: string, device: string): Running<Value> | undefined {
    if (!this.#threads.acquire(device)) return undefined;
    const result = this.#operation(path).then((value) => {
      this.#threads.release(device);
      this.#running.delete(path);
      if (running.isLate) this.#late.set(path, value);
      return value;
    });
    const running: Running<Value> = { result, isLate: false };
    this.#running.set(path, running);
    return running;
  }
}
