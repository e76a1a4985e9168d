/**
 * The runs of recovery programs, in the journal of `stateDir`: a restart of healthbridge does not reset their limits.
 *
 *     journal, type `recovery`, key: the service --> { runs: [wall times], endedAt, gaveUp }
 *
 * When a run starts, the end that is stored is the latest possible one. So after a crash in the middle of a run, the
 * service is left alone until the program has ended and the cool-down is over.
 */
import type { Clock } from "../core/clock.js";
import type { Journal } from "../telemetry/journal.js";
import type { RunHistory } from "./recovery-planner.js";
import { MAX_RECOVERY_TIMEOUT_MS } from "./recovery-rules.js";

const TYPE = "recovery";

export class RecoveryStore {
  readonly #journal: Journal | undefined;
  readonly #clock: Clock;

  /** @param journal `undefined`: nothing survives a restart */
  constructor(journal: Journal | undefined, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /** What an earlier process has stored. */
  *entries(): Iterable<readonly [service: string, history: RunHistory]> {
    const now = this.#clock.now();
    const toMonotonic = now - this.#clock.wallTime();
    for (const [service, value] of this.#journal?.entries(TYPE) ?? []) {
      const { runs, endedAt, gaveUp } = readRecord(value);
      // a wall clock that was set back: a time in the future would block the service until then
      const times = runs.map((at) => Math.min(at + toMonotonic, now));
      const latest = Math.min(endedAt + toMonotonic, now + MAX_RECOVERY_TIMEOUT_MS);
      yield [service, { runs: times, endedAt: latest, hasGivenUp: gaveUp }];
    }
  }

  write(service: string, { runs, endedAt, hasGivenUp }: RunHistory): void {
    const toWall = this.#clock.wallTime() - this.#clock.now();
    const value = {
      runs: runs.map((at) => Math.round(at + toWall)),
      endedAt: Math.round(endedAt + toWall),
      gaveUp: hasGivenUp,
    };
    this.#journal?.put(TYPE, service, value);
  }

  remove(service: string): void {
    this.#journal?.put(TYPE, service, undefined);
  }
}

/** A value of the journal, which another version may have written. */
function readRecord(value: unknown): {
  readonly runs: readonly number[];
  readonly endedAt: number;
  readonly gaveUp: boolean;
} {
  const { runs, endedAt, gaveUp }: { readonly runs?: unknown; readonly endedAt?: unknown; readonly gaveUp?: unknown } =
    Object(value);
  const times: readonly unknown[] = Array.isArray(runs) ? runs : [];
  return {
    runs: times.filter((at): at is number => typeof at === "number" && Number.isFinite(at)),
    endedAt: typeof endedAt === "number" && Number.isFinite(endedAt) ? endedAt : Number.NEGATIVE_INFINITY,
    gaveUp: gaveUp === true,
  };
}
