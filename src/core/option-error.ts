/**
 * Errors of one option: which option it is, and what is wrong with it.
 *
 *     new OptionError(["expect", "status"], "must name at least one status")
 *
 *     library   expect.status must name at least one status
 *     file      healthbridge.yaml:7:15: checks.shop.expect.status: must name at least one status
 */
import { HealthError } from "./health-error.js";

/** The keys and list indexes that lead to a value: `checks`, `db`, `interval`. */
export type Path = readonly (string | number)[];

/** A path as text: `checks.orders-a.expect.status[0]`. */
export function formatPath(path: Path): string {
  return path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w/-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("")
    .replace(/^\./, "");
}

/** The value of an option is invalid, or the option has no effect. */
export class OptionError extends HealthError {
  /** The path of the option among the options. */
  readonly option: Path;
  /** Follows the option: `must be text`. */
  readonly text: string;

  constructor(option: Path, text: string, options?: { readonly cause?: unknown }) {
    super("INVALID_OPTION", `${formatPath(option)} ${text}`, options);
    this.option = option;
    this.text = text;
  }
}
