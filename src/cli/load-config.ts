/**
 * Finds and reads the configuration of `serve` and `validate`: the file, and the flags on top of it.
 */
import { existsSync } from "node:fs";
import { noSource } from "../config/config-input.js";
import { DEFAULT_CONFIG_FILE, OTHER_CONFIG_FILE } from "../config/daemon-config.js";
import { createFiles, type KnownContents } from "../config/files.js";
import type { ReadOptions } from "../config/load.js";
import { type LoadedConfig, validateConfig } from "../config/validate.js";
import { type FlagValues, UsageError } from "./flags.js";
import { configFlags } from "./serve-flags.js";

/**
 * The file that is named, or the usual one if it exists.
 * @throws UsageError where both usual ones exist
 */
export function fileOf(values: FlagValues): string | undefined {
  const [named] = values.get("config") ?? [];
  if (named !== undefined) return named;
  const [first, second] = [DEFAULT_CONFIG_FILE, OTHER_CONFIG_FILE].filter((file) => existsSync(file));
  if (second === undefined) return first;
  throw new UsageError(`${first} and ${second} both exist; remove one of them, or name one: -c ${first}`);
}

/**
 * Reads the configuration. The parser of YAML is loaded only for a file.
 * @throws UsageError for a flag, ConfigError for a file that cannot be read; other faults are thrown by `accept`
 */
export async function loadConfig(
  file: string | undefined,
  values: FlagValues,
  options?: ReadOptions,
): Promise<LoadedConfig> {
  const flags = configFlags(values);
  if (file === undefined) return validateConfig(noSource(), flags);
  const { readConfigFile } = await import("../config/load.js");
  return validateConfig(readConfigFile(file, process.env, options), flags);
}

/** A configuration that was accepted before: its text is not read again, and neither are the files that are known. */
export interface AcceptedText {
  readonly file: string | undefined;
  readonly text: string | undefined;
  readonly values: FlagValues;
}

/**
 * Reads an accepted text with other contents of the files that it names.
 * @throws as `loadConfig`
 */
export async function loadAccepted({ file, text, values }: AcceptedText, known: KnownContents): Promise<LoadedConfig> {
  const flags = configFlags(values);
  const files = createFiles(known);
  if (text === undefined) return validateConfig(noSource(files), flags);
  const { readConfigSource } = await import("../config/load.js");
  return validateConfig(readConfigSource({ file: file ?? "", text, environment: process.env, files }), flags);
}
