/**
 * What is wrong with a configuration: every fault at its place, all of them at once.
 *
 *     healthbridge.yaml:7:15: checks.orders-a.interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)
 */
import { HealthError } from "../core/health-error.js";

/** Where something stands in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The way to a value: keys of tables, places in lists. */
export type Path = readonly (string | number)[];

/** One fault. */
export interface Fault {
  readonly position: Position;
  /** Empty for the file as a whole. */
  readonly path: Path;
  readonly text: string;
}

/** A configuration that is refused whole. The message has a line for each fault. */
export class ConfigError extends HealthError {
  readonly faults: readonly Fault[];

  constructor(file: string, faults: readonly Fault[], options?: ErrorOptions) {
    const sorted = faults.toSorted((one, other) => compare(one.position, other.position));
    super("INVALID_CONFIG", sorted.map((fault) => lineOf(file, fault)).join("\n"), options);
    this.faults = sorted;
  }
}

/** A path as people write it: `checks.orders-a.expect.status[0]`. */
export function formatPath(path: Path): string {
  return path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w/-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("")
    .replace(/^\./, "");
}

function lineOf(file: string, { position, path, text }: Fault): string {
  const where = path.length === 0 ? "" : ` ${formatPath(path)}:`;
  return `${file}:${position.line}:${position.column}:${where} ${text}`;
}

function compare(one: Position, other: Position): number {
  return one.line - other.line || one.column - other.column;
}
