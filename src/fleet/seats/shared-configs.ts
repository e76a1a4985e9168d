/**
 * The definitions of other members, through the store: they are read once for each digest, and the own ones are kept there.
 *
 *     beats --digests that are not ours--> store.text --> who holds which definition of a check
 *     own definitions --every ten minutes, after a loss, and when another member could not read them--> store.keepText
 */
import type { Clock } from "../../core/clock.js";
import type { Steps } from "../../core/turns.js";
import type { RosterMember } from "../members/roster.js";
import { type Beat, FORMAT } from "../records/beat.js";
import type { FleetCodec } from "../records/codec.js";
import type { Definition } from "../records/vote.js";
import { heldAs, OtherConfigs } from "../rules/configs.js";
import type { FleetStore } from "../store/store.js";
import type { TurnQueue } from "../turn-queue.js";
import type { ForeignCell } from "./known-votes.js";
import type { CheckRecord } from "./seats.js";

export interface SharedConfigsDeps {
  readonly clock: Clock;
  readonly store: FleetStore;
  readonly codec: FleetCodec;
  /** The votes of the other runs on a check. */
  readonly votes: (check: string) => readonly ForeignCell[];
  readonly turns: TurnQueue;
  readonly signal: AbortSignal;
  /** The own checks, when they have this digest now: they change in the same turns. */
  readonly recordsOf: (config: string) => Iterable<CheckRecord> | undefined;
  /** The definitions of another member are known now. */
  readonly onRead: () => void;
  /** A configuration is waited for no more: it is known, or could not be read. */
  readonly onTried: () => void;
}

/** A text that another program has put in the place of a configuration may be long. */
const FORGED_PAUSE_MS = 10_000;

/** The store keeps a configuration for an hour. */
const KEEP_MS = 600_000;

/** A text that others cannot read for another reason is not written with each beat. */
const MIN_KEEP_MS = 5_000;

export class SharedConfigs {
  readonly #deps: SharedConfigsDeps;
  readonly #others = new OtherConfigs();
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(deps: SharedConfigsDeps) {
    this.#deps = deps;
  }

  /** Configurations of other members are not known yet. */
  get isReading(): boolean {
    return this.#others.isReading;
  }

  /**
   * What another member holds of a check; `undefined`: nothing. While its configuration is not known, its vote under a
   * definition says that it holds that one: it may have had another configuration a moment ago, or this member may.
   */
  heldBy({ run, config }: Pick<RosterMember, "run" | "config">, definition: Definition): string | undefined {
    const { check, digest } = definition;
    if (this.#others.isKnown(config)) return this.#others.digestOf(config, check);
    const hasVoted = this.#deps.votes(check).some((vote) => vote.run === run && vote.cell.definition === digest);
    return hasVoted ? heldAs(definition) : undefined;
  }

  /** Configurations of other members that the store does not have: the own beats say so. */
  get unread(): readonly string[] {
    return this.#others.unread;
  }

  /** The own definitions have changed, or the store may have lost them. */
  keepAgain(): void {
    this.#keptAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * @param own the digest of the own definitions; empty: there are none yet
   * @param others what the last beats of the others say
   */
  async exchange(own: string, others: readonly Pick<Beat, "config" | "unread">[]): Promise<void> {
    const now = this.#deps.clock.now();
    const configs = others.map(({ config }) => config).filter((config) => config !== "" && config !== own);
    const missing = this.#others.missing(configs, now);
    // the store may have lost them alone, or not have had them yet
    const isAsked = others.some(({ unread }) => unread?.includes(own));
    if (isAsked && now >= this.#keptAt + MIN_KEEP_MS) this.keepAgain();
    const work = Promise.all([...missing.map((config) => this.#read(config)), this.#keep(own)]);
    await work.catch((error: unknown) => {
      if (!this.#deps.signal.aborted) throw error;
    });
  }

  async #read(config: string): Promise<void> {
    const { clock, store, codec, turns, signal, onRead, onTried } = this.#deps;
    const text = await store.text(nameOf(config)).catch(() => undefined); // the rounds tell a store that is away
    const digests = text === undefined ? undefined : await turns.run(codec.openConfig(config, text), signal);
    if (digests !== undefined) this.#others.keep(config, digests);
    else this.#others.giveUp(config, clock.now() + (text === undefined ? 0 : FORGED_PAUSE_MS));
    if (digests !== undefined) onRead();
    onTried();
  }

  async #keep(own: string): Promise<void> {
    const { clock, store, turns, signal } = this.#deps;
    if (own === "" || clock.now() < this.#keptAt + KEEP_MS) return;
    this.#keptAt = clock.now();
    const text = await turns.run(this.#sealed(own), signal);
    if (text === undefined) this.keepAgain();
    else await store.keepText(nameOf(own), text).catch(() => this.keepAgain());
  }

  *#sealed(own: string): Steps<string | undefined> {
    const { codec, recordsOf } = this.#deps;
    const records = recordsOf(own);
    return records && (yield* codec.sealConfig(own, heldIn(records)));
  }
}

function* heldIn(records: Iterable<CheckRecord>): Iterable<readonly [check: string, held: string]> {
  for (const { check, definition } of records) yield [check, heldAs(definition)];
}

/** The name of a text in the store: a member with another format keeps its own one. */
function nameOf(config: string): string {
  return `config:${FORMAT}:${config}`;
}
