/**
 * Which checks the members hold: the digest of a configuration, and what other configurations have under a check.
 *
 * A member with the same configuration holds the same definitions. That of another one is read once from the store.
 */
import type { Steps } from "../../core/turns.js";
import type { Definition } from "../records/vote.js";
import { hashOf } from "./assignment.js";

/** More than that are known only while each of them is held by a member: so none is read again and again. A rollout has two. */
const MAX_OLD_CONFIGS = 16;

const MAX_UNREAD = 16;

const CHECKS_A_STEP = 1_000;

/** What a member holds of a check: members that share it in another way do not own it together. Their votes count all the same. */
export function heldAs({ digest, scope, copies, agree, isHeartbeat, staleAfterMs }: Definition): string {
  const ttl = isHeartbeat ? ` ${staleAfterMs}` : ""; // the digest of another check has it
  return `${digest} ${scope} ${copies} ${agree}${ttl}`;
}

/** What is held of each check, by the names of the checks. */
export type ConfigDigests = ReadonlyMap<string, string>;

/** The digest of a configuration. The order of its checks does not matter. */
export function* configDigest(definitions: Iterable<Definition>): Steps<string> {
  let [sum, mix, count] = [0, 0, 0];
  for (const definition of definitions) {
    const hash = hashOf(`${definition.check}\n${heldAs(definition)}`);
    sum = (sum + hash) >>> 0;
    mix = (mix + Math.imul(hash, hash | 1)) >>> 0;
    count += 1;
    if (count % CHECKS_A_STEP === 0) yield;
  }
  return [count, sum, mix].map((part) => part.toString(16).padStart(8, "0")).join("");
}

export class OtherConfigs {
  readonly #known = new Map<string, ConfigDigests>();
  readonly #reading = new Set<string>();
  /** Those that members have now. */
  #held: ReadonlySet<string> = new Set();
  /** Those that could not be read. They are tried again from a time on, and not waited for: the store may have lost them. */
  readonly #failed = new Map<string, number>();

  /** A configuration is read for the first time. */
  get isReading(): boolean {
    for (const config of this.#reading) if (!this.#failed.has(config)) return true;
    return false;
  }

  /** Those of members that are there, and that could not be read. */
  get unread(): readonly string[] {
    return [...this.#failed.keys()].slice(0, MAX_UNREAD);
  }

  isKnown(config: string): boolean {
    return this.#known.has(config);
  }

  digestOf(config: string, check: string): string | undefined {
    return this.#known.get(config)?.get(check);
  }

  /** The configurations of these that must be read now. Each is given out once, until `keep` or `giveUp`. */
  missing(configs: Iterable<string>, now: number): readonly string[] {
    const held = new Set(configs);
    this.#held = held;
    const isDue = (config: string) => now >= (this.#failed.get(config) ?? now);
    const missing = [...held].filter(
      (config) => !this.#known.has(config) && !this.#reading.has(config) && isDue(config),
    );
    for (const config of this.#failed.keys()) if (!held.has(config)) this.#failed.delete(config);
    for (const config of missing) this.#reading.add(config);
    return missing;
  }

  keep(config: string, digests: ConfigDigests): void {
    this.#reading.delete(config);
    this.#failed.delete(config);
    this.#known.set(config, digests);
    for (const known of this.#known.keys())
      if (this.#known.size > MAX_OLD_CONFIGS && known !== config && !this.#held.has(known)) this.#known.delete(known);
  }

  /** @param retryAt monotonic time from which it may be read again */
  giveUp(config: string, retryAt: number): void {
    this.#reading.delete(config);
    this.#failed.set(config, retryAt);
  }
}
