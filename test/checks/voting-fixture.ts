/** An engine that votes, on the virtual clock, and a keeper that remembers what it was told. */
import assert from "node:assert/strict";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { ConfiguredCheck } from "../../src/checks/checks-plan.js";
import type { CheckDeclaration, IsolationDeclaration } from "../../src/checks/declarations.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import type { VoteKeeper, Voting } from "../../src/checks/voting.js";
import type { Decision, Vote } from "../../src/fleet/records/vote.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import type { CheckReport } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { ScriptedProber } from "./scripted-prober.js";

export interface Cast {
  readonly check: string;
  readonly vote: Vote;
  readonly validUntil: number;
  readonly at: number;
}

export class VotingBench implements VoteKeeper {
  readonly clock = new VirtualClock();
  readonly registry: Registry;
  readonly engine: CheckEngine;
  readonly voting: Voting;
  readonly casts: Cast[] = [];
  readonly defined: string[][] = [];
  readonly probers = new Map<string, ScriptedProber>();
  /** Called with each vote, as a fleet that decides at once. */
  onCast: (cast: Cast) => void = () => {};
  onDefined: (checks: readonly ConfiguredCheck[]) => void = () => {};
  declarations: readonly CheckDeclaration[] = [];

  constructor(instance = "voting-test") {
    this.registry = new Registry({ clock: this.clock, instance });
    this.engine = new CheckEngine({ writer: this.registry, clock: this.clock, random: () => 0.5 });
    this.voting = this.engine.castVotes(this);
  }

  cast(check: string, vote: Vote, validUntil: number): void {
    const cast = { check, vote, validUntil, at: this.clock.now() };
    this.casts.push(cast);
    this.onCast(cast);
  }

  onChecks(checks: readonly ConfiguredCheck[]): void {
    this.defined.push(checks.map(({ declaration }) => declaration.name));
    this.onDefined(checks);
  }

  /** Decides as the only member: its vote is true. */
  decideAlone(): void {
    this.onCast = ({ check, vote, validUntil }) => {
      if (vote.state !== "abstaining") this.voting.decide(check, { ...vote, state: vote.state, validUntil });
    };
  }

  prober(name: string, always?: ProbeResult): ScriptedProber {
    const prober = new ScriptedProber(() => this.clock.now(), always);
    this.probers.set(name, prober);
    return prober;
  }

  declaration(name: string, settings: CheckSettings = {}, always?: ProbeResult): CheckDeclaration {
    return { name, source: { kind: "prober", prober: this.prober(name, always) }, options: { jitter: 0, ...settings } };
  }

  heartbeat(name: string, options: CheckDeclaration["options"] = {}, ttl = "10s"): CheckDeclaration {
    return { name, source: { kind: "heartbeat", ttl, token: "t" }, options };
  }

  configure(
    checks: readonly CheckDeclaration[] = this.declarations,
    services: readonly ServiceDeclaration[] = [],
    isolation?: IsolationDeclaration,
  ): void {
    this.declarations = checks;
    this.engine.configure({ checks, services, isolation, allowLinkLocal: false });
  }

  /** One check that rests. */
  rested(settings: CheckSettings = {}, always?: ProbeResult, name = "c"): ScriptedProber {
    this.configure([...this.declarations, this.declaration(name, settings, always)]);
    return this.probers.get(name) ?? assert.fail();
  }

  /** One check that is probed here. */
  probed(settings: CheckSettings = {}, always?: ProbeResult, name = "c"): ScriptedProber {
    const prober = this.rested(settings, always, name);
    this.voting.probe(name);
    return prober;
  }

  /** Answers the probe that runs, after the one that is due now has started. */
  async answer(result: ProbeResult, name = "c"): Promise<void> {
    await this.clock.advance(0);
    this.probers.get(name)?.last.answer(result);
    await settle();
  }

  /** The results, each at the next due time. */
  async results(results: readonly ProbeResult[], stepMs = 2_000, name = "c"): Promise<void> {
    for (const result of results) {
      await this.answer(result, name);
      await this.clock.advance(stepMs);
    }
  }

  report(name = "c"): CheckReport {
    return this.registry.check(name) ?? assert.fail(`no report of ${name}`);
  }

  /** State and reason, as they are published. */
  shown(name = "c"): readonly [string, string | undefined] {
    const { state, reason } = this.report(name);
    return [state, reason];
  }

  status(service = "c"): string | undefined {
    return this.registry.read(service)?.status;
  }

  get votes(): readonly (readonly [string, string | undefined])[] {
    return this.casts.map(({ vote: { state, reason } }) => [state, reason]);
  }

  get lastCast(): Cast {
    return this.casts.at(-1) ?? assert.fail("no vote");
  }

  decide(state: Decision["state"], forMs = 32_000, rest: Partial<Decision> = {}, name = "c"): void {
    this.voting.decide(name, { state, reason: undefined, validUntil: this.clock.now() + forMs, ...rest });
  }

  agreed(state: Decision["state"], forMs = 32_000, rest: Partial<Decision> = {}): Decision {
    return { state, reason: undefined, validUntil: this.clock.now() + forMs, ...rest };
  }
}
