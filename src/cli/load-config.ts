/**
 * Finds and reads the configuration of `serve` and `validate`: the file, and the flags on top of it.
 */
import { existsSync } from "node:fs";
import { noSource } from "../config/config-input.js";
import { DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { type LoadedConfig, validateConfig } from "../config/validate.js";
import type { FlagValues } from "./flags.js";
import { configFlags } from "./serve-flags.js";

/** The file that is named, or the usual one if it exists. */
export function fileOf(values: FlagValues): string | undefined {
  return values.get("config")?.[0] ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
}

/**
 * Reads the configuration. The parser of YAML is loaded only for a file.
 * @throws UsageError for a flag, ConfigError for a file that cannot be read; other faults are thrown by `accept`
 */
export async function loadConfig(file: string | undefined, values: FlagValues): Promise<LoadedConfig> {
  const flags = configFlags(values);
  if (file === undefined) return validateConfig(noSource(), flags);
  const { readConfigFile } = await import("../config/load.js");
  return validateConfig(readConfigFile(file, process.env), flags);
}
