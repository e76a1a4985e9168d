/** The arguments of a proof. */
import { parseArgs } from "node:util";
import { ENGINE_NAMES, type EngineName } from "../../src/core/engine-name.js";

export interface Arguments {
  /** What follows the name of the area. */
  readonly words: readonly string[];
  readonly minutes?: number | undefined;
  readonly seed?: number | undefined;
  readonly engine?: EngineName | undefined;
  /** The program of Node that runs the product. */
  readonly node?: string | undefined;
  /** A folder with another build. */
  readonly build?: string | undefined;
  /** Every how many mutants one is tried. */
  readonly every?: number | undefined;
  readonly json?: boolean | undefined;
}
