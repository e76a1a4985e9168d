/**
 * `healthbridge schema`: prints the JSON Schema of the configuration, for editors.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import { CONFIG_SCHEMA } from "../config/schema.js";
import { readFlags } from "./flags.js";
import type { CommandHelp } from "./help.js";

export const HELP: CommandHelp = {
  about: "Prints the JSON Schema of healthbridge.yaml. Editors use it to complete and to check the file.",
  usage: "schema",
  flags: [],
  exitCodes: [[2, "an unknown flag or argument"]],
  examples: ["healthbridge schema > healthbridge.schema.json"],
};

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  readFlags(HELP.flags, args);
  process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
  return 0;
}

/** The JSON Schema. Rules that it cannot express are left out: that a duration is at most a year, for example. */
export function jsonSchema(): object {
  const schema = toJsonSchema(CONFIG_SCHEMA, {
    errorMode: "ignore",
    // keys that begin with x- are ignored in a table with a fixed set of keys
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === "strict_object" ? { ...jsonSchema, patternProperties: { "^x-": {} } } : undefined,
  });
  return { title: "healthbridge.yaml", ...schema };
}
