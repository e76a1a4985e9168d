/** The arguments of a proof: `npm run proof -- AREA [WORD...] [--minutes N] ...`. */
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
  /** One of so many mutants is tried. */
  readonly every?: number | undefined;
  /** The report for programs. */
  readonly json: boolean;
}

/** Reads the command line. The area is `undefined` without a word. */
export function readArguments(argv: readonly string[]): {
  readonly area: string | undefined;
  readonly args: Arguments;
} {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      engine: { type: "string" },
      node: { type: "string" },
      build: { type: "string" },
      every: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [area, ...words] = positionals;
  const args: Arguments = {
    words,
    minutes: numberOf("--minutes", values.minutes),
    seed: numberOf("--seed", values.seed),
    engine: engineOf(values.engine),
    node: values.node,
    build: values.build,
    every: numberOf("--every", values.every),
    json: values.json,
  };
  return { area, args };
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value >= 0)) throw new Error(`${flag} must be a number; got ${text}`);
  return value;
}

function engineOf(text: string | undefined): EngineName | undefined {
  const engine = ENGINE_NAMES.find((name) => name === text);
  if (text !== undefined && engine === undefined)
    throw new Error(`--engine must be ${ENGINE_NAMES.join(" or ")}; got ${text}`);
  return engine;
}
