/**
 * When first probes start: a few checks at once, many spread over their interval.
 *
 * The n-th of many starts at the fractional part of n times the golden ratio of its interval: however many there will
 * be, that is even (chance is not: of 1,000 checks over 10 s, some tenth of a second would have twice its share).
 */
import type { CheckRunner } from "./runner.js";
import type { CompleteSettings } from "./settings.js";

/** So many checks start at once. */
const AT_ONCE = 10;

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

export class FirstProbes {
  #count = 0;
  /** The first few, which may have to be spread as well when more come before they have started. */
  #early: { readonly runner: CheckRunner; readonly settings: CompleteSettings }[] = [];

  /** Has the first probe of a check start in its turn. */
  plan(runner: CheckRunner, settings: CompleteSettings): void {
    if (this.#count < AT_ONCE) {
      this.#early.push({ runner, settings });
      this.#count += 1;
      runner.start(settings.initialDelayMs);
      return;
    }
    for (const [place, early] of this.#early.splice(0).entries()) if (!early.runner.started) start(early, place);
    start({ runner, settings }, this.#count);
    this.#count += 1;
  }
}

function start({ runner, settings }: { runner: CheckRunner; settings: CompleteSettings }, place: number): void {
  runner.start(settings.initialDelayMs + ((place * GOLDEN_RATIO) % 1) * settings.intervalMs);
}
