/**
 * The faults of a configuration. Each is shown with its place in the file or with its flag, and all are shown together.
 *
 *     healthbridge.yaml:7:15: checks.orders-a.interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)
 *     --timeout: 20s must be below --interval (default 10s)
 */
import { formatPath, type Path } from "../checks/violation.js";
import { HealthError } from "../core/health-error.js";

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One fault. */
export interface Fault {
  /** In the file, or the flag; `undefined` for a file that was not read. */
  readonly place: Position | string | undefined;
  /** Empty for the file as a whole. */
  readonly path: Path;
  readonly text: string;
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
  readonly #faulty = new Set<string>();

  get faults(): readonly Fault[] {
    return this.#faults;
  }

  add(fault: Fault): void {
    const { path } = fault;
    if (path.length > 0 && this.#faulty.has(JSON.stringify(path))) return;
    this.#faults.push(fault);
    for (let length = path.length; length > 0; length -= 1) this.#faulty.add(JSON.stringify(path.slice(0, length)));
  }
}

function lineOf(file: string, { place, path, text }: Fault): string {
  if (typeof place === "string") return `${place}: ${text}`;
  if (place === undefined) return `${file}: ${text}`;
  const where = path.length === 0 ? "" : ` ${formatPath(path)}:`;
  return `${file}:${place.line}:${place.column}:${where} ${text}`;
}

/** Places in the file come first, in their order. */
function compare(one: Fault["place"], other: Fault["place"]): number {
  if (typeof one === "string" || typeof other === "string")
    return Number(typeof one === "string") - Number(typeof other === "string");
  const { line = 0, column = 0 } = one ?? {};
  return line - (other?.line ?? 0) || column - (other?.column ?? 0);
}
