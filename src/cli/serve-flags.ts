/**
 * The flags of `healthbridge serve`, made from the tables of settings, and the configuration that they give.
 */
import { formatDefault, SCHEDULE_SETTINGS, type Setting } from "../checks/settings.js";
import type { ConfigFlags } from "../config/config-input.js";
import { DEFAULT_CONFIG_FILE, OTHER_CONFIG_FILE } from "../config/daemon-config.js";
import { TLS_KEYS, TOP_KEYS } from "../config/keys.js";
import type { CheckEntry, ConfigFile } from "../config/schema.js";
import { isDuration } from "../core/duration.js";
import { ENGINE_NAMES } from "../core/engine-name.js";
import { LOG_LEVELS, type LogLevel } from "../telemetry/log.js";
import { LOG_FORMATS, type LogFormat } from "../telemetry/log-text.js";
import { type Flag, type FlagValues, shownArgument, UsageError } from "./flags.js";

const { listen, drainDelay, engine, statusCodePaths, paths, tokenFile, stateDir } = TOP_KEYS;
const { certFile, keyFile, clientCaFile } = TLS_KEYS;
const { interval, timeout, unhealthyThreshold, healthyThreshold, jitter } = SCHEDULE_SETTINGS;

/** The settings that the flags give to each `--check`. */
const CHECK_FLAG_KEYS = ["interval", "timeout", "unhealthyThreshold", "healthyThreshold", "jitter"] as const;

/** A row with a flag. */
type FlagSetting = Setting & { readonly flag: NonNullable<Setting["flag"]> };

/** The flags that give a part of the configuration. */
export const CONFIG_FLAGS: readonly Flag[] = [
  {
    name: "config",
    short: "c",
    value: "FILE",
    fallback: `${DEFAULT_CONFIG_FILE} or ${OTHER_CONFIG_FILE} if it exists`,
    help: "A YAML file, which is read again when it changes and on SIGHUP. Flags are added to it.",
  },
  flagOf(listen),
  {
    name: "check",
    value: "NAME=URL",
    repeats: true,
    help: "Probes URL, and publishes the result as service NAME. Repeatable.",
  },
  ...CHECK_FLAG_KEYS.map((key) => flagOf(SCHEDULE_SETTINGS[key])),
  ...[drainDelay, certFile, keyFile, clientCaFile, engine, statusCodePaths, paths, tokenFile, stateDir].map(flagOf),
];

/** Every flag of the command. */
export const SERVE_FLAGS: readonly Flag[] = [
  ...CONFIG_FLAGS,
  wordFlag({ name: "log-level", value: "LEVEL", fallback: "info" }, LOG_LEVELS),
  wordFlag({ name: "log-format", value: "FORMAT", fallback: "text at a terminal, otherwise json" }, LOG_FORMATS),
];

function wordFlag(flag: Omit<Flag, "help">, values: readonly string[]): Flag {
  return { ...flag, values, help: `One of ${values.join(", ")}.` };
}

function flagOf(setting: FlagSetting): Flag {
  const { type, meaning, flag } = setting;
  const repeats = type === "texts";
  const fallback = defaultOf(setting);
  const values = type === "engine" ? { values: ENGINE_NAMES } : {};
  const row = { ...flag, ...values, repeats, help: repeats ? `${meaning} Repeatable.` : meaning };
  return fallback === undefined || fallback === "none" ? row : { ...row, fallback };
}

/** A share is given in percent. */
function defaultOf(setting: Setting): string | undefined {
  return setting.type === "share" ? String(Number(setting.default) * 100) : formatDefault(setting);
}

/**
 * What the flags say, in the words of a configuration file.
 * @throws UsageError naming the flag
 */
export function configFlags(values: FlagValues): ConfigFlags {
  const content: ConfigFile = {
    listen: values.get(listen.flag.name)?.slice(),
    drainDelay: durationOf(values, drainDelay),
    engine: engineOf(values),
    paths: values.get(paths.flag.name)?.slice(),
    statusCodePaths: values.get(statusCodePaths.flag.name)?.slice(),
    tokenFile: values.get(tokenFile.flag.name)?.[0],
    stateDir: values.get(stateDir.flag.name)?.[0],
    tls: tlsOf(values),
  };
  const settings = withoutUndefined(settingsOf(values));
  if (!values.has("check")) requireNoCheckFlags(values);
  const checks = (values.get("check") ?? []).map((text) => {
    const { name, target } = splitCheck(text);
    return [name, { target, ...settings }] as const;
  });
  return { content: withoutUndefined(content), checks, flags: FLAG_OF_KEY };
}

/**
 * A setting of the checks of the command line has no effect without such a check.
 * @throws UsageError
 */
function requireNoCheckFlags(values: FlagValues): void {
  const keys = CHECK_FLAG_KEYS.filter((key) => values.has(SCHEDULE_SETTINGS[key].flag.name));
  if (keys.length === 0) return;
  const flags = keys.map((key) => `--${SCHEDULE_SETTINGS[key].flag.name}`).join(", ");
  const inFile = keys.map((key) => `defaults.${key}`).join(", ");
  const verb = keys.length === 1 ? "applies" : "apply";
  throw new UsageError(
    `${flags} ${verb} to --check only; give --check NAME=URL, or set ${inFile} in the configuration file`,
  );
}

/** The flag of each key. */
const FLAG_OF_KEY: ReadonlyMap<string, string> = new Map([
  ...[...Object.entries(TOP_KEYS), ...Object.entries(SCHEDULE_SETTINGS)].flatMap(([key, row]) => dashed(key, row)),
  ...Object.entries(TLS_KEYS).flatMap(([key, row]) => dashed(`tls.${key}`, row)),
  ...dashed("tls", certFile),
]);

function dashed(key: string, { flag }: Setting): readonly (readonly [string, string])[] {
  return flag === undefined ? [] : [[key, `--${flag.name}`]];
}

/** The settings that all checks of the command line have. */
function settingsOf(values: FlagValues): CheckEntry {
  const percent = numberOf(values, jitter, [0, 100]);
  return {
    interval: durationOf(values, interval),
    timeout: durationOf(values, timeout),
    unhealthyThreshold: numberOf(values, unhealthyThreshold, [1, 999_999]),
    healthyThreshold: numberOf(values, healthyThreshold, [1, 999_999]),
    jitter: percent === undefined ? undefined : percent / 100,
  };
}

/**
 * How much is logged.
 * @throws UsageError
 */
export function logLevelOf(values: FlagValues): LogLevel {
  const given = values.get("log-level")?.[0] ?? "info";
  return requireWord("log-level", given, LOG_LEVELS);
}

/**
 * How the log is written; `undefined`: as the output asks for.
 * @throws UsageError
 */
export function logFormatOf(values: FlagValues): LogFormat | undefined {
  const [given] = values.get("log-format") ?? [];
  return given === undefined ? undefined : requireWord("log-format", given, LOG_FORMATS);
}

function engineOf(values: FlagValues): ConfigFile["engine"] {
  const given = values.get(engine.flag.name)?.[0];
  return given === undefined ? undefined : requireWord(engine.flag.name, given, ENGINE_NAMES);
}

function splitCheck(text: string): { readonly name: string; readonly target: string } {
  const split = text.indexOf("=");
  if (split >= 1 && split < text.length - 1) return { name: text.slice(0, split), target: text.slice(split + 1) };
  throw new UsageError(
    `--check ${shownArgument(text)}: expected NAME=URL, such as flower=http://localhost:5555/healthcheck`,
  );
}

function tlsOf(values: FlagValues): ConfigFile["tls"] {
  const [cert, key, clientCa] = [certFile, keyFile, clientCaFile].map(({ flag }) => values.get(flag.name)?.[0]);
  if (cert !== undefined && key !== undefined)
    return { certFile: cert, keyFile: key, ...(clientCa === undefined ? {} : { clientCaFile: clientCa }) };
  if (cert !== undefined) throw new UsageError("--tls-cert needs --tls-key too");
  if (key !== undefined) throw new UsageError("--tls-key needs --tls-cert too");
  if (clientCa !== undefined) throw new UsageError("--tls-client-ca needs --tls-cert and --tls-key too");
  return undefined;
}

function durationOf(values: FlagValues, { flag }: FlagSetting): string | undefined {
  const [text] = values.get(flag.name) ?? [];
  if (text === undefined || isDuration(text)) return text;
  throw new UsageError(`--${flag.name}: ${JSON.stringify(text)} is not a duration (try 5s, 500ms, 1m)`);
}

function numberOf(
  values: FlagValues,
  { flag }: FlagSetting,
  [min, max]: readonly [number, number],
): number | undefined {
  const [text] = values.get(flag.name) ?? [];
  if (text === undefined) return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`--${flag.name}: ${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
}

function requireWord<Word extends string>(flag: string, given: string, words: readonly Word[]): Word {
  const word = words.find((known) => known === given);
  if (word === undefined)
    throw new UsageError(`--${flag}: must be one of ${words.join(", ")}; got ${JSON.stringify(given)}`);
  return word;
}

/** A copy without the keys that are undefined: they must not replace those of a file. */
function withoutUndefined<Value extends object>(value: Value): Value {
  // only keys whose value may be undefined are left out
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Value;
}
