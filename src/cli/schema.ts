/**
 * `healthbridge schema`: prints the JSON Schema of the configuration, for editors.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import { CONFIG_SCHEMA } from "../config/schema.js";
import { readFlags } from "./flags.js";

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  readFlags([], args);
  process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
  return 0;
}

/** The JSON Schema. Rules that it cannot express are left out: that a duration is at most a year, for example. */
export function jsonSchema(): object {
  return { title: "healthbridge.yaml", ...toJsonSchema(CONFIG_SCHEMA, { errorMode: "ignore" }) };
}
