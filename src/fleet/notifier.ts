/**
 * Which member tells the outside of changes: one of them, by a lease in the store. And what they have told: texts that all
 * members share.
 *
 *     attached    the holder of the lease sends. It asks again each beat, and stops when it could not for a lease
 *     detached    the holder goes on; every other member sends too, after two leases
 *
 * A detached member cannot know whether another one sends. It is better to tell twice, with the same key, than not at all.
 * A member that leaves or drains does not ask: another one takes the lease when it ends.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { background } from "../core/background.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { FleetStore, Run } from "./store.js";

export interface NotifierDeps {
  readonly clock: Clock;
  readonly store: Pick<FleetStore, "hold" | "text" | "keepText">;
  readonly run: Run;
  /** Of healthbridge, for faults. */
  readonly instance: string;
  readonly fleet: string;
  readonly secret: string | undefined;
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly isDetached: () => boolean;
  /** Whether this member leaves, or an operator drains it. */
  readonly isLeaving: () => boolean;
}

const LEASE = "notifier";

/** Longer texts are not read. */
const MAX_LENGTH = 16_777_216;

/** A detached member that did not send before waits for so many leases. */
const DETACHED_LEASES = 2;

export class Notifier {
  readonly leaseMs: number;
  readonly #deps: NotifierDeps;
  readonly #key: Buffer;
  readonly #listeners = new Set<() => void>();
  #heldUntil = Number.NEGATIVE_INFINITY;
  #detachedAt: number | undefined;
  /** It was the notifier when the store went away. */
  #goesOn = false;
  #isClosed = false;
  #cancelTimer: CancelTimer = () => {};

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
    this.leaseMs = deps.leaseMs;
    this.#key = Buffer.from(hkdfSync("sha256", deps.secret ?? "", deps.fleet, "healthbridge fleet: shared", 32));
    this.#next(0);
  }

  /** Whether this member sends at this moment. */
  get sends(): boolean {
    const { clock, isLeaving, isDetached } = this.#deps;
    if (this.#isClosed || isLeaving()) return false;
    const now = clock.now();
    if (now < this.#heldUntil) return true;
    if (!isDetached() || this.#detachedAt === undefined) return false;
    return this.#goesOn || now >= this.#detachedAt + DETACHED_LEASES * this.leaseMs;
  }

  get isDetached(): boolean {
    return this.#deps.isDetached();
  }

  /** Calls a listener after each beat. Returns an unsubscribe function. */
  onBeat(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A text that is the same for all members; `undefined`: there is none, or it is forged. @throws StoreError */
  async load(name: string): Promise<string | undefined> {
    const sealed = await this.#deps.store.text(name);
    if (sealed === undefined || sealed.length > MAX_LENGTH) return undefined;
    const [, signature = "", text] = /^([\w-]{43}) (.*)$/s.exec(sealed) ?? [];
    if (text === undefined) return undefined;
    return timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(name, text))) ? text : undefined;
  }

  /** Puts a text for all members. A store may keep it for an hour only. @throws StoreError */
  async save(name: string, text: string): Promise<void> {
    await this.#deps.store.keepText(name, `${this.#sign(name, text)} ${text}`);
  }

  /** Whether a member may do what is done once: false when another one has it, and after a failure. */
  async claim(name: string, ttlMs: number): Promise<boolean> {
    const { store, run } = this.#deps;
    return (await store.hold(name, run, ttlMs).catch(() => undefined)) === run;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #next(delayMs: number): void {
    const { clock, instance } = this.#deps;
    this.#cancelTimer = clock.setTimer(delayMs, () => background(this.#beat(), instance, "the notifier of a fleet"));
  }

  async #beat(): Promise<void> {
    const { clock, beatMs, isDetached, isLeaving } = this.#deps;
    const startedAt = clock.now();
    if (!isDetached()) this.#detachedAt = undefined;
    else if (this.#detachedAt === undefined) {
      this.#detachedAt = startedAt;
      // the store has not answered for a lease, so the own lease has ended just now
      this.#goesOn = this.#heldUntil > startedAt - 2 * this.leaseMs;
    }
    if (!isLeaving()) await this.#hold(startedAt);
    if (this.#isClosed) return;
    for (const listener of this.#listeners) listener();
    this.#next(Math.max(beatMs / 10, startedAt + beatMs - clock.now()));
  }

  /** The lease ends here before it does in the store: its time counts from before the call. */
  async #hold(startedAt: number): Promise<void> {
    const { store, run } = this.#deps;
    try {
      const holder = await store.hold(LEASE, run, this.leaseMs);
      this.#heldUntil = holder === run ? startedAt + this.leaseMs : Number.NEGATIVE_INFINITY;
    } catch {
      // the rounds of the fleet tell of it
    }
  }

  #sign(name: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${name.length} ${name}${text}`).digest("base64url");
  }
}
