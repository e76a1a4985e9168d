/** Reads configuration texts for tests. */
import type { DaemonConfig } from "../../src/config/daemon-config.js";
import { ConfigError } from "../../src/config/fault.js";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";

type Environment = Readonly<Record<string, string>>;

/** Reads the text of a file and validates it; `file` is its name for the errors. */
export function parseConfig(file: string, text: string, environment: Environment): DaemonConfig {
  return requireValid(validateConfig(readConfigText(file, text, environment)));
}

/** The configuration that a text means. */
export function read(text: string, environment: Environment = {}): DaemonConfig {
  return parseConfig("f.yaml", text, environment);
}

/** The lines that refuse a text, without the file's name; none for a good one. */
export function faultsOf(text: string, environment: Environment = {}): readonly string[] {
  try {
    read(text, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n").map((line) => line.replace(/^f\.yaml:/, ""));
  }
}
