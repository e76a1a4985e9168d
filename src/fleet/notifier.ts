/**
 * Which member tells the outside of changes: one of them, the notifier. And what they have told: texts that all members share.
 *
 *     attached    the member on which all agree sends (see notifier-choice.ts). It stops when it has not heard so for a lease
 *     detached    it goes on; every other member sends too, after two leases, unless it hears that another one sends
 *
 * A member that hears no other cannot know whether one sends. It is better to tell twice, with the same key, than not at all.
 * A member that leaves or drains does not send: the others agree on another one.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { NotifierChoice } from "./notifier-choice.js";
import { type FleetStore, type Run, StoreError } from "./store/store.js";

export interface NotifierDeps {
  readonly clock: Clock;
  readonly store: Pick<FleetStore, "hold" | "text" | "keepText">;
  readonly run: Run;
  readonly fleet: string;
  readonly secret: string | undefined;
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly choice: Pick<NotifierChoice, "isWilling" | "isAgreed" | "isOther" | "agreedUntil">;
  /** Resolves when the store has all own votes of now. */
  readonly published: () => Promise<void>;
  readonly isDetached: () => boolean;
  /** Whether this member leaves, or an operator drains it. */
  readonly isLeaving: () => boolean;
}

/** Longer texts are not read, nor written. The outages of 100,000 services, which one webhook has told, have 24 million characters. */
const MAX_LENGTH = 67_108_864;

/** A detached member that did not send before waits for so many leases. */
const DETACHED_LEASES = 2;

export class Notifier {
  readonly leaseMs: number;
  readonly #deps: NotifierDeps;
  readonly #key: Buffer;
  readonly #listeners = new Set<() => void>();
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
    const { clock, choice, isLeaving, isDetached } = this.#deps;
    if (this.#isClosed || isLeaving()) return false;
    if (choice.isAgreed) return true;
    if (!isDetached() || this.#detachedAt === undefined || choice.isOther) return false;
    return this.#goesOn || clock.now() >= this.#detachedAt + DETACHED_LEASES * this.leaseMs;
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
    const sealed = `${this.#sign(name, text)} ${text}`;
    if (sealed.length > MAX_LENGTH) throw new StoreError("protocol", `${name} is too long for the store`);
    await this.#deps.store.keepText(name, sealed);
  }

  /** Whether a member may do what is done once: false when another one has it, and after a failure. */
  async claim(name: string, ttlMs: number): Promise<boolean> {
    const { store, run } = this.#deps;
    return (await store.hold(name, run, ttlMs).catch(() => undefined)) === run;
  }

  /** Resolves when the others would tell the same: the own votes from which it follows are in the store. */
  published(): Promise<void> {
    return this.#deps.published();
  }

  close(): void {
    this.#isClosed = true;
    this.#deps.choice.isWilling = false;
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #next(delayMs: number): void {
    this.#cancelTimer = this.#deps.clock.setTimer(delayMs, () => this.#beat());
  }

  #beat(): void {
    const { clock, beatMs, choice, isDetached, isLeaving } = this.#deps;
    const now = clock.now();
    choice.isWilling = this.#listeners.size > 0 && !isLeaving();
    if (!isDetached()) this.#detachedAt = undefined;
    else if (this.#detachedAt === undefined) {
      this.#detachedAt = now;
      // the store has not answered for a lease, so the agreement has ended just now
      this.#goesOn = choice.agreedUntil > now - 2 * this.leaseMs;
    }
    this.#next(beatMs);
    for (const listener of this.#listeners) listener();
  }

  #sign(name: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${name.length} ${name}${text}`).digest("base64url");
  }
}
