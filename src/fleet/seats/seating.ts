/**
 * Gives all checks their owners, in turns of the event loop: from the start again when something else has changed.
 *
 *     definitions, roster, a store that is lost or back --> seats.replace --> digest of all --> seats.assign --> seated
 */
import { background } from "../../core/background.js";
import type { Steps } from "../../core/turns.js";
import type { Detachment } from "../detachment.js";
import type { FleetMembership } from "../members/membership.js";
import type { Definition } from "../records/vote.js";
import { configDigest } from "../rules/configs.js";
import type { TurnQueue } from "../turn-queue.js";
import type { Decisions } from "./decisions.js";
import type { CheckRecord, Seats } from "./seats.js";
import type { SharedConfigs } from "./shared-configs.js";

export interface SeatingDeps {
  readonly instance: string;
  readonly turns: TurnQueue;
  readonly seats: Seats;
  readonly decisions: Pick<Decisions, "isAlone" | "reviewAll">;
  readonly membership: Pick<FleetMembership, "change" | "roster" | "self">;
  readonly detachment: Pick<Detachment, "frozenUntil" | "probesAll">;
  readonly configs: Pick<SharedConfigs, "keepAgain">;
  readonly onSeated: () => void;
  /** This member is now an owner of so many checks that had others before. */
  readonly onTakeover: (count: number) => void;
}

const CHECKS_A_STEP = 25;

export class Seating {
  readonly #deps: SeatingDeps;
  #working = new AbortController();
  #isStopped = false;
  #isRunning = false;
  /** Configurations that are not yet in the seats: a check that one of them lacks ends, also when the next one has it again. */
  readonly #coming: Iterable<Definition>[] = [];

  constructor(deps: SeatingDeps) {
    this.#deps = deps;
  }

  /** The seats do not yet follow from the roster. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** The checks, when they are those of this configuration. */
  recordsOf(config: string): Iterable<CheckRecord> | undefined {
    const { seats, membership } = this.#deps;
    return this.#isRunning || membership.self.config !== config ? undefined : seats.all();
  }

  define(definitions: Iterable<Definition>): void {
    this.#coming.push(definitions);
    this.start();
  }

  start(): void {
    const { turns, instance } = this.#deps;
    this.#working.abort();
    if (this.#isStopped) return;
    const working = new AbortController();
    this.#working = working;
    this.#isRunning = true;
    background(turns.runUntilAborted(this.#steps(), working.signal), instance, "the fleet");
  }

  /** The store has gone, or is back: that changes who probes what, and whose votes count. */
  startAnew(): void {
    this.#deps.decisions.reviewAll();
    this.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#working.abort();
  }

  *#steps(): Steps<void> {
    const { seats, membership, detachment, decisions, configs, onSeated, onTakeover } = this.#deps;
    for (let next = this.#coming[0]; next !== undefined; next = this.#coming[0]) {
      const coming = yield* gathered(next);
      yield* seats.replace(coming);
      const config = this.#coming.length > 1 ? undefined : yield* configDigest(coming);
      this.#coming.shift();
      if (config === undefined) continue;
      configs.keepAgain();
      membership.change({ config });
    }
    decisions.isAlone = detachment.probesAll;
    const before = seats.takeovers;
    const { roster, self } = membership;
    yield* seats.assign(roster, self, decisions.isAlone, detachment.frozenUntil);
    const count = seats.takeovers - before;
    if (count > 0) onTakeover(count);
    this.#isRunning = false;
    onSeated();
  }
}

/** Each definition has a digest, which is made here. */
function* gathered(definitions: Iterable<Definition>): Steps<readonly Definition[]> {
  const all: Definition[] = [];
  for (const definition of definitions) {
    all.push(definition);
    if (all.length % CHECKS_A_STEP === 0) yield;
  }
  return all;
}
