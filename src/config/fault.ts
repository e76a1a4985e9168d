/**
 * The faults of a configuration. Each is shown with its place in the file or with its flag, and all are shown together.
 *
 *     healthbridge.yaml:7:15: checks.orders-a.interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)
 *     --timeout: 20s must be below --interval (default 10s)
 */
import { HealthError } from "../core/health-error.js";
import { formatPath, type Path } from "../core/option-error.js";

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Fault {
  /** In the file, or the flag; `undefined` for a file that was not read. */
  readonly place: Position | string | undefined;
  /** Empty for the file as a whole. */
  readonly path: Path;
  readonly text: string;
  /** Whether it comes from a placeholder: the file is read without its environment. */
  readonly isUnknown?: boolean;
  /** Whether it is only that a variable or a file has no value here. */
  readonly isMissing?: boolean;
}

/** A configuration that is rejected. The message has a line for each fault. */
export class ConfigError extends HealthError {
  readonly faults: readonly Fault[];

  constructor(file: string, faults: readonly Fault[], options?: ErrorOptions) {
    const sorted = faults.toSorted((one, other) => compare(one.place, other.place));
    // a flag may give a wrong value to several checks
    const lines = new Set(sorted.map((fault) => lineOf(file, fault)));
    super("INVALID_CONFIG", [...lines].join("\n"), options);
    this.faults = sorted;
  }
}

/** Collects faults. Of a value that has a fault already, or has one inside, no further fault is added. */
export class FaultList {
  readonly #faults: Fault[] = [];
  /** Every path with a fault, and every path that leads to one. */
  readonly #faulty: FaultyPaths = new Map();

  get faults(): readonly Fault[] {
    return this.#faults;
  }

  add(fault: Fault): void {
    let inside = this.#faulty;
    let isNew = fault.path.length === 0;
    for (const step of fault.path) {
      const known = inside.get(step);
      isNew = known === undefined;
      const next: FaultyPaths = known ?? new Map();
      inside.set(step, next);
      inside = next;
    }
    if (isNew) this.#faults.push(fault);
  }
}

/** A tree of paths, by their steps. */
type FaultyPaths = Map<string | number, FaultyPaths>;

/** A longer path is shown without its middle. */
const MAX_PATH_CHARACTERS = 400;

function lineOf(file: string, { place, path, text }: Fault): string {
  if (typeof place === "string") return `${place}: ${text}`;
  if (place === undefined) return `${file}: ${text}`;
  const where = path.length === 0 ? "" : ` ${shortened(formatPath(path))}:`;
  return `${file}:${place.line}:${place.column}:${where} ${text}`;
}

function shortened(path: string): string {
  if (path.length <= MAX_PATH_CHARACTERS) return path;
  return `${path.slice(0, MAX_PATH_CHARACTERS / 2)}...${path.slice(-MAX_PATH_CHARACTERS / 2)}`;
}

/** Places in the file come first, in their order. */
function compare(one: Fault["place"], other: Fault["place"]): number {
  if (typeof one === "string" || typeof other === "string")
    return Number(typeof one === "string") - Number(typeof other === "string");
  const { line = 0, column = 0 } = one ?? {};
  return line - (other?.line ?? 0) || column - (other?.column ?? 0);
}
