/**
 * The JSON Schema of the configuration, from the schema that validates it.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import { CONFIG_SCHEMA } from "./schema.js";

/** The schema, as an editor reads it. What a pattern can't say (that a duration is no longer than a year) is left out. */
export function jsonSchema(): object {
  return { title: "healthbridge.yaml", ...toJsonSchema(CONFIG_SCHEMA, { errorMode: "ignore" }) };
}
