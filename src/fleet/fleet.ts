/**
 * A fleet: one of several members that share the checks and the statuses.
 *
 *     checks --vote()--> own votes --> ledger --.                       .--> members --> roster --> seats --probe/rest--> checks
 *                            |                  +--> rounds <=> store --+
 *                            |                                          '--> mirror
 *                            '--------------------> decisions <---------------' ----------------decide--> checks
 *
 * This file connects the parts and has no rule of its own. Membership knows the live runs and the candidates for checks. Seats
 * choose the members that probe a check. Decisions make a status from the votes. Detachment says that the store is gone.
 */
import { background } from "../core/background.js";
import { settledWithin } from "../core/clock.js";
import type { Steps } from "../core/turns.js";
import { Detachment } from "./detachment.js";
import { Ledger } from "./exchange/ledger.js";
import { Mirror } from "./exchange/mirror.js";
import { type RoundOutcome, Rounds } from "./exchange/rounds.js";
import type { FleetDeps } from "./fleet-deps.js";
import { FleetView } from "./fleet-view.js";
import type { HeardBeat } from "./members/members.js";
import { FleetMembership } from "./members/membership.js";
import { NotifierChoice } from "./notifier-choice.js";
import { hexDigits } from "./orders/asks.js";
import { Orders } from "./orders/orders.js";
import { OwnBeat } from "./own-beat.js";
import { FleetCodec } from "./records/codec.js";
import type { Definition, Vote } from "./records/vote.js";
import { Decisions } from "./seats/decisions.js";
import { HandOver } from "./seats/hand-over.js";
import { OwnVotes } from "./seats/own-votes.js";
import { Seating } from "./seats/seating.js";
import { Seats } from "./seats/seats.js";
import { SharedConfigs } from "./seats/shared-configs.js";
import { StandIn } from "./seats/stand-in.js";
import type { Run } from "./store/store.js";
import { TurnQueue } from "./turn-queue.js";

const RUN_DIGITS = 24;
const CHECKS_A_STEP = 25;
const FORGET_MS = 1_000; // the last part of leaving: to remove the own records

export class Fleet {
  readonly run: Run;
  readonly #deps: FleetDeps;
  readonly #turns: TurnQueue;
  readonly #codec: FleetCodec;
  readonly #membership: FleetMembership;
  readonly #detachment: Detachment;
  readonly #configs: SharedConfigs;
  readonly #ledger: Ledger;
  readonly #mirror: Mirror;
  readonly #seats: Seats;
  readonly #votes: OwnVotes;
  readonly #beat: OwnBeat;
  readonly #decisions: Decisions;
  readonly #seating: Seating;
  readonly #standIn: StandIn;
  readonly #handOver: HandOver;
  readonly #rounds: Rounds;
  readonly readings: FleetView;
  readonly orders: Orders;
  readonly notifier: NotifierChoice;
  readonly #closed = new AbortController();
  #isRenewing = false;

  constructor(deps: FleetDeps) {
    const { clock, random, settings, store, checks, codec, onEvent } = deps;
    const { beatMs, instance } = settings;
    this.#deps = deps;
    const run = hexDigits(RUN_DIGITS, random);
    this.run = run;
    this.#codec = codec ?? new FleetCodec(settings.fleet, settings.secret);
    this.#turns = new TurnQueue(clock, (turn) => checks.batch(turn));
    this.#ledger = new Ledger(run, this.#codec);
    this.#mirror = new Mirror(this.#codec);
    const votes = (check: string) => this.#mirror.votes(check);
    this.#configs = new SharedConfigs({
      ...{ clock, store, votes, codec: this.#codec, turns: this.#turns, signal: this.#closed.signal },
      recordsOf: (config) => this.#seating.recordsOf(config),
      onRead: () => this.#seating.start(),
      onTried: () => this.#vouch(),
    });
    const load = { rate: () => this.#seats.rate, isLate: () => checks.isLate };
    this.#detachment = new Detachment({ ...settings, ...load }, clock.now());
    this.#membership = new FleetMembership({ clock, run, settings, onRoster: () => this.#seating.start(), onEvent });
    this.#rounds = new Rounds({
      ...{ clock, store, run, instance, beatMs, onEvent },
      ...{ codec: this.#codec, ledger: this.#ledger, mirror: this.#mirror, turns: this.#turns },
      beat: () => this.#beat.next(),
      onBeats: (...round) => this.#heard(...round),
      onTick: (outcome) => this.#tick(outcome),
      onReturn: (deafMs) => this.#membership.hearAgain(deafMs),
      onVotes: (names) => this.#voted(names),
      members: () => this.#membership.alive.length + 1,
      onLoss: () => this.#configs.keepAgain(),
    });
    const shared = { clock, random, settings, membership: this.#membership, onEvent };
    this.orders = new Orders({ ...shared, beatNow: () => this.#rounds.beatNow() });
    this.notifier = new NotifierChoice({ clock, run, beatMs, leaseMs: settings.leaseMs });
    this.#votes = new OwnVotes({ clock, ledger: this.#ledger, votes, onChange: () => this.#rounds.changed() });
    this.#beat = new OwnBeat({
      ...{ run, settings, codec: this.#codec, checks, ledger: this.#ledger, orders: this.orders, votes: this.#votes },
      ...{ membership: this.#membership, notifier: this.notifier, rounds: this.#rounds, configs: this.#configs },
    });
    this.#decisions = new Decisions({
      ...{ clock, run, beatMs, votes, membership: this.#membership, members: this.#membership.members },
      ownCell: (check) => this.#ledger.get(check),
      isCatchingUp: () => this.#membership.isCatchingUp,
      isBehind: () => this.#membership.isBehind,
      detachedAt: () => this.#detachment.detachedAt,
      tell: (check, decision) => checks.decide(check, decision),
    });
    this.#seats = new Seats({
      ...{ clock, run },
      heldBy: (member, definition) => this.#configs.heldBy(member, definition),
      probe: ({ check, decision }) => checks.probe(check, decision.state === "pending" ? undefined : decision),
      rest: ({ check }) => checks.rest(check),
      onVoid: (record) => this.#votes.remove(record),
      onChange: (record) => this.#decisions.decide(record),
    });
    this.#seating = new Seating({
      ...{ instance, turns: this.#turns, seats: this.#seats, decisions: this.#decisions },
      ...{ membership: this.#membership, detachment: this.#detachment, configs: this.#configs },
      onSeated: () => this.#handOver.review(),
      onTakeover: (count) => onEvent({ kind: "takeover", checks: count }),
    });
    const seated = { clock, run, seats: this.#seats, membership: this.#membership, detachment: this.#detachment };
    this.#standIn = new StandIn({ ...seated, beatMs, members: this.#membership.members });
    const parts = { decisions: this.#decisions, votes: this.#votes, seating: this.#seating, standIn: this.#standIn };
    this.#handOver = new HandOver({ ...seated, ...parts });
    this.readings = new FleetView({ ...seated, ...parts, settings, rounds: this.#rounds, mirror: this.#mirror });
  }

  /** A keyed hash of the text of a definition. */
  digestOf(definition: string): string {
    return this.#codec.hash(definition);
  }

  /** All checks of the configuration, also after a reload. They are read in turns of the event loop, perhaps twice. */
  define(definitions: Iterable<Definition>): void {
    this.#seating.define(definitions);
  }

  /**
   * The vote of this member's own runner: after each result. It renews what runs out: the next beat may come too late for that.
   * @param validUntil monotonic time until which its last result counts
   */
  vote(check: string, vote: Vote, validUntil: number): void {
    const record = this.#seats.get(check);
    if (record === undefined || record.role === "resting") return;
    if (this.#votes.cast(record, vote, validUntil)) this.#decisions.decide(record);
    else this.#decisions.prolong(record);
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the store has all own votes of now: what follows from them is then known to others too. At the latest after a lease. */
  async published(): Promise<void> {
    const { clock, settings } = this.#deps;
    const until = clock.now() + settings.leaseMs;
    const isOver = () => this.#closed.signal.aborted || this.#detachment.isDetached || clock.now() >= until;
    while (!(await this.#rounds.flushAll()) && !isOver())
      await settledWithin(new Promise(() => {}), settings.beatMs, clock);
  }

  /** An operator's order: hands the share of this member over, or takes it again. It goes on to serve. */
  drain(isDraining: boolean): void {
    this.orders.drain(isDraining);
  }

  /** Ends: resolves when all successors have voted, or at its deadline. Its votes are removed then, and its last beat says so. */
  async leave(): Promise<void> {
    const { clock, settings } = this.#deps;
    this.#membership.change({ isLeaving: true, isDrained: false });
    this.#background(this.#rounds.beatNow());
    const handedOver = this.#handOver.done().then(() => this.#rounds.flush());
    await settledWithin(handedOver, settings.leaveMs - FORGET_MS, clock);
    this.#stop();
    if (!this.#detachment.isDetached) await settledWithin(this.#forget(), FORGET_MS, clock);
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#deps.store.close();
  }

  /** A record that is missing could have been lost: the last beat tells. What fails here, the others do later. */
  async #forget(): Promise<void> {
    const { store } = this.#deps;
    await store.forget(this.run).catch(() => {});
    if (this.#membership.members.all().length > 0) await store.beat(this.run, this.#beat.last()).catch(() => {});
  }

  #stop(): void {
    this.#closed.abort();
    this.#seating.stop();
    this.#rounds.stop();
    this.#membership.stop();
  }

  #heard(beats: readonly HeardBeat[], startedAt: number, isLogRead: boolean): void {
    const { clock, onEvent } = this.#deps;
    if (this.#membership.members.isDeaf(clock.now())) this.#decisions.reviewAll();
    if (!this.#rounds.isCut && this.#detachment.succeeded(clock.now())) {
      onEvent({ kind: "attached" });
      this.#membership.freeze(this.#detachment.frozenUntil);
      this.#seating.startAnew();
    }
    this.#membership.hear(beats, startedAt, this.#beat.counter);
    if (this.#membership.isReviewDue) this.#decisions.reviewAll();
    for (const beat of beats) {
      const { silenceMs, isConfirmed } = this.#membership.members.get(beat.run) ?? {};
      // a run that is silent changes nothing: what its store has lost will not come again
      if (silenceMs !== 0) continue;
      if (beat.head !== undefined && beat.hasLeft !== true) this.#mirror.beat(beat.run, beat.head, isLogRead);
      if (isConfirmed) this.orders.hear(beat);
    }
    const others = this.#membership.alive.flatMap(({ beat }) => beat ?? []);
    this.#background(this.#configs.exchange(this.#membership.self.config, others));
    this.#vouch();
    this.notifier.hear(startedAt, this.#membership.alive, this.#membership.isCatchingUp);
    this.#forgetDead();
  }

  #tick(outcome: RoundOutcome | "waiting"): void {
    const { clock, onEvent } = this.#deps;
    if (this.#detachment.tick(outcome, clock.now())) {
      this.#membership.freeze(Number.POSITIVE_INFINITY);
      onEvent({ kind: "detached", probesAll: this.#detachment.probesAll, fault: this.readings.storeFailure?.fault });
      this.#seating.startAnew();
    }
    const isGoneAnew = this.#detachment.deaf(this.#membership.members.deafAt(clock.now()));
    if ((outcome === "failed" && this.#membership.missRound()) || isGoneAnew) this.#decisions.reviewAll();
    const records = this.readings.newlyRefused();
    if (records > 0) onEvent({ kind: "record-refused", records });
    if (!this.#isRenewing) this.#background(this.#renew());
  }

  /** Of those whose votes are here as they were at their last beat. */
  #vouch(): void {
    const { alive, members } = this.#membership;
    const isCurrent = (run: Run) => this.#mirror.isCurrent(run);
    for (const { run } of alive) if (isCurrent(run)) members.vouch(run);
    // without the configurations of the others, it is not known which of them own a check
    if (!this.#membership.review((run) => !this.#configs.isReading && isCurrent(run))) return;
    this.#decisions.reviewAll();
    this.#background(this.#renew());
  }

  *#voted(names: readonly string[]): Steps<void> {
    this.#vouch();
    for (const [index, name] of names.entries()) {
      if (index % CHECKS_A_STEP === CHECKS_A_STEP - 1) yield;
      const record = this.#seats.get(name);
      // what another member sees of its own host says nothing of this one
      if (record === undefined || record.definition.scope === "local") continue;
      this.#decisions.decide(record);
      if (record.role === "handing-over") this.#handOver.release(record);
    }
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    // also after a fault of what is told: else every decision would run out
    await this.#turns.runUntilAborted(this.#renewal(), this.#closed.signal).finally(() => (this.#isRenewing = false));
  }

  *#renewal(): Steps<void> {
    yield* this.#decisions.renew(this.#seats.all());
    yield* this.#standIn.take();
    yield* this.#handOver.releaseAll();
    for (const record of this.#seats.heartbeats()) {
      if (this.#votes.keep(record, this.#decisions.newestReport(record))) this.#decisions.decide(record);
      yield;
    }
  }

  /** The records of runs that are dead for long. */
  #forgetDead(): void {
    const { members } = this.#membership;
    for (const run of members.forgettable()) {
      members.forget(run);
      this.#background(this.#turns.runUntilAborted(this.#forgotten(this.#mirror.forget(run)), this.#closed.signal));
      this.#background(this.#deps.store.forget(run).catch(() => {}));
    }
  }

  *#forgotten(checks: Steps<readonly string[]>): Steps<void> {
    yield* this.#voted(yield* checks);
  }

  #background(work: Promise<unknown>): void {
    background(work, this.#deps.settings.instance, "the fleet");
  }
}
