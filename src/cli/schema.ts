/**
 * `healthbridge schema`: the JSON Schema of the configuration, for editors.
 */
import { jsonSchema } from "../config/json-schema.js";
import { readFlags } from "./flags.js";

/** Prints it. */
export async function run(args: readonly string[]): Promise<number> {
  readFlags([], args);
  process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
  return 0;
}
