/** Counts what automatic recovery does, as plain numbers: a part of the tally. */
import type { Published } from "../core/channels.js";
import { type Count, Counts } from "./counts.js";

/** What was counted until now, as plain data. */
export interface RecoveryTallyState {
  readonly runs: readonly Readonly<Count>[];
  readonly refused: readonly Readonly<Count>[];
  readonly running: ReadonlyMap<string, string>;
  readonly givenUp: ReadonlyMap<string, string>;
}

export class RecoveryTally {
  /** By rule and outcome. */
  readonly runs = new Counts();
  /** By rule and cause. */
  readonly refused = new Counts();
  /** The services whose program runs, with the name of the rule. */
  readonly running = new Map<string, string>();
  /** The services that were given up, with the name of the rule. */
  readonly givenUp = new Map<string, string>();

  get state(): RecoveryTallyState {
    const { running, givenUp } = this;
    return { runs: [...this.runs.series()], refused: [...this.refused.series()], running, givenUp };
  }

  restore({ runs, refused, running, givenUp }: RecoveryTallyState): void {
    this.runs.addAll(runs);
    this.refused.addAll(refused);
    for (const [service, recovery] of running) this.running.set(service, recovery);
    for (const [service, recovery] of givenUp) this.givenUp.set(service, recovery);
  }

  count(event: Published<"recovery">): void {
    const { recovery, service } = event;
    switch (event.step) {
      case "started":
        this.running.set(service, recovery);
        break;
      case "ended":
        this.running.delete(service);
        this.runs.increment(recovery, event.outcome);
        break;
      case "refused":
        this.refused.increment(recovery, event.cause);
        break;
      case "gave-up":
        this.givenUp.set(service, recovery);
        break;
      case "resumed":
        this.givenUp.delete(service);
        break;
      case "left":
        break;
      default:
        event satisfies never;
    }
  }
}
