/**
 * The log lines of transitions, and their levels.
 *
 *     declared ........ first results ........................... later
 *     debug             a failing check: warn, the rest: debug    to NOT_SERVING or failing: warn, the rest: info
 *                       '--> all checks have one: `started`, a summary
 *
 * A start would otherwise write about five lines for each check, and all but the failures say what the summary says. The
 * services of a failing check are in the summary too. A drain changes every service, and has a line of its own.
 */
import type { Transition } from "../core/channels.js";

/** A line of the log. */
export type WriteLine = (level: "debug" | "info" | "warn", fields: object, message: string) => void;

/** The names of failing checks that the summary shows. */
const MAX_NAMES = 10;

export class TransitionLines {
  readonly #write: WriteLine;
  /** Services that were declared, and have not had a status. A check is a service of its own name. */
  readonly #undecided = new Set<string>();
  /** The states of the checks until each has had a result. */
  #states: Map<string, string> | undefined = new Map();

  constructor(write: WriteLine) {
    this.#write = write;
  }

  add(transition: Transition): void {
    const { subject, name, from, to, degraded, reason } = transition;
    const title = name === "" ? "overall" : JSON.stringify(name);
    const change = degraded ? ", degraded" : from === "SERVING" && to === "SERVING" ? ", no longer degraded" : "";
    const suffix = `${change}${reason === undefined ? "" : ` (${reason})`}`;
    const level = subject === "check" ? this.#levelOfCheck(transition) : this.#levelOfService(transition);
    this.#write(level, { event: "transition", ...transition }, `${subject} ${title}: ${from} -> ${to}${suffix}`);
    if (subject === "service" && name === "startup" && to === "SERVING") this.#summarize();
  }

  #levelOfCheck({ name, to }: Transition): "debug" | "info" | "warn" {
    this.#states?.set(name, to);
    if (to === "failing") return "warn";
    return this.#undecided.has(name) ? "debug" : "info";
  }

  #levelOfService(transition: Transition): "debug" | "info" | "warn" {
    const { name, to, reason } = transition;
    if (reason === "draining") return "debug";
    const isFirst = this.#undecided.delete(name);
    if (this.#isDeclared(transition)) {
      this.#undecided.add(name);
      return "debug";
    }
    if (isFirst) return "debug";
    return to === "NOT_SERVING" ? "warn" : "info";
  }

  /** Whether a service has just been declared: after the start, `overall` can only become UNKNOWN by a change. */
  #isDeclared({ from, to, reason }: Transition): boolean {
    if (to !== "UNKNOWN") return false;
    return (
      from === "SERVICE_UNKNOWN" || (this.#states !== undefined && (reason === "pending" || reason === "starting"))
    );
  }

  #summarize(): void {
    const states = this.#states;
    this.#states = undefined;
    if (states === undefined || states.size === 0) return;
    const named = (state: string) => [...states].filter(([, each]) => each === state).map(([name]) => name);
    const [passing, warning, failing] = [named("passing"), named("warning"), named("failing")];
    const counts = [
      `${passing.length} passing`,
      ...(warning.length > 0 ? [`${warning.length} warning`] : []),
      `${failing.length} failing${failing.length > 0 ? ` (${listed(failing)})` : ""}`,
    ];
    const checks = states.size === 1 ? "the check has" : `all ${states.size} checks have`;
    const fields = { passing: passing.length, warning: warning.length, failing: failing.length };
    const level = failing.length > 0 ? "warn" : "info";
    this.#write(level, { event: "started", ...fields }, `${checks} a first result: ${counts.join(", ")}`);
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
