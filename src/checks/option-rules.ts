/**
 * The rules of a check's source and options: pure.
 *
 * A setting has to be of its type and in its range. An option that would have no effect is refused: a heartbeat has no
 * timeout, and a program no headers.
 */
import { type DurationLike, parseDuration } from "../core/duration.js";
import { nearestTo } from "../core/nearest.js";
import type { Path } from "../core/option-error.js";
import { warnFaults } from "../probers/exec.js";
import { PROBER_OPTIONS } from "../probers/options.js";
import { commandFaults } from "../probers/program.js";
import { splitOptions } from "./check-options.js";
import type { CheckDeclaration, CheckSource } from "./declarations.js";
import { readSettings, violationOf } from "./read-settings.js";
import { CHECK_SETTINGS, type CheckSettings, type CompleteSettings } from "./settings.js";
import type { Violation } from "./violation.js";

/** The settings of a check with every default, and what is wrong with its options. */
export function checkOptions(declaration: CheckDeclaration): {
  readonly settings: CompleteSettings;
  readonly violations: readonly Violation[];
} {
  const { name, source } = declaration;
  const { settings, faults } = readSettings(settingsOf(declaration));
  const path = ["checks", name];
  const ofSettings = faults.map((fault) =>
    violationOf(fault, fault.setting === "maxLatency" ? [...path, "expect"] : path),
  );
  const others = [...sourceFaults(source), ...surplusOptions(declaration), ...unknownOptions(declaration)].map(
    (fault): Violation => ({ code: "INVALID_OPTION", path: [...path, ...fault.path], text: fault.text }),
  );
  return { settings, violations: [...ofSettings, ...others] };
}

/** A heartbeat is probed when its time is over, and at each further end of that time: each is one missed report. */
function settingsOf({ source, options }: CheckDeclaration): CheckSettings {
  const { settings } = splitOptions(options);
  if (source.kind !== "heartbeat") return settings;
  const ttl = isPositive(source.ttl) ? source.ttl : undefined;
  const { critical, startup = false, initialState, services, group, staleAfter } = settings;
  const { unhealthyThreshold = 1, healthyThreshold = 1 } = settings;
  const schedule = { interval: ttl, initialDelay: ttl, edgeInterval: ttl, jitter: 0 };
  const counts = { unhealthyThreshold, healthyThreshold };
  return { ...schedule, ...counts, critical, startup, initialState, services, group, staleAfter };
}

type OptionViolation = Pick<Violation, "path" | "text">;

function sourceFaults(source: CheckSource): readonly OptionViolation[] {
  switch (source.kind) {
    case "heartbeat":
      return [
        ...faultOf(!isPositive(source.ttl), ["heartbeat", "ttl"], "must be a duration above zero, such as 1m"),
        ...faultOf(
          source.token !== undefined && !/^\S+$/.test(source.token),
          ["heartbeat", "token"],
          "must be one word without spaces",
        ),
      ];
    case "exec":
      return commandFaults(source.command).map((text) => ({ path: ["exec"], text }));
    case "target":
    case "function":
    case "prober":
      return [];
    default:
      return source satisfies never;
  }
}

/** Options that a heartbeat takes. */
const HEARTBEAT_OPTIONS: ReadonlySet<string> = new Set([
  "critical",
  "services",
  "unhealthyThreshold",
  "healthyThreshold",
  "staleAfter",
  "startup",
  "initialState",
  "group",
]);

/** Options that no check has. A configuration has been searched for them already, a program in JavaScript has not. */
function unknownOptions({ source, options }: CheckDeclaration): readonly OptionViolation[] {
  if (source.kind === "heartbeat") return [];
  const isKnown = (name: string) => Object.hasOwn(CHECK_SETTINGS, name) || Object.hasOwn(PROBER_OPTIONS, name);
  const unknown = namesOf(options).filter((name) => !isKnown(name));
  if (unknown.length === 0) return [];
  const known = [...Object.keys(CHECK_SETTINGS), ...Object.keys(PROBER_OPTIONS)].filter(
    (name) => name !== "maxLatency",
  );
  return unknown.map((option) => {
    const nearest = nearestTo(option, known);
    return { path: [option], text: `unknown option${nearest === undefined ? "" : `; did you mean ${nearest}?`}` };
  });
}

const ONLY_WARN = "a program has no such expectation; it takes warn and maxLatency";

/** Options that would have no effect. The options of a target depend on its scheme: see `probers/schemes`. */
function surplusOptions({ source, options }: CheckDeclaration): readonly OptionViolation[] {
  switch (source.kind) {
    case "heartbeat": {
      const surplus = namesOf(options).filter((option) => !HEARTBEAT_OPTIONS.has(option));
      const known = [...HEARTBEAT_OPTIONS].join(", ");
      return surplus.map((option) => ({ path: [option], text: `a heartbeat has no such option; it takes ${known}` }));
    }
    case "exec": {
      const { settings, proberOptions } = splitOptions(options);
      const { expect: { warn, ...otherExpect } = {}, ...others } = proberOptions;
      const surplus = namesOf({ ...others, forgetAfter: settings.forgetAfter });
      return [
        ...surplus.map((option) => ({ path: [option], text: "a program has no such option" })),
        ...namesOf(otherExpect).map((name) => ({ path: ["expect", name], text: ONLY_WARN })),
        ...(warn === undefined ? [] : warnFaults(warn)).map((text) => ({ path: ["expect", "warn"], text })),
      ];
    }
    case "function": {
      const { settings, proberOptions } = splitOptions(options);
      const surplus = namesOf({ ...proberOptions, forgetAfter: settings.forgetAfter });
      return surplus.map((option) => ({ path: [option], text: "a function has no such option" }));
    }
    case "target":
      return faultOf(
        options.forgetAfter !== undefined && !source.url.startsWith("flower+"),
        ["forgetAfter"],
        "only a target of flower+http or flower+https has this option",
      );
    case "prober":
      return [];
    default:
      return source satisfies never;
  }
}

function isPositive(duration: DurationLike): boolean {
  return (parseDuration(duration) ?? 0) > 0;
}

function namesOf(options: object): readonly string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
}

function faultOf(isBroken: boolean, path: Path, text: string): readonly OptionViolation[] {
  return isBroken ? [{ path, text }] : [];
}
