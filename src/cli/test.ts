/**
 * `healthbridge test`: makes one probe now, and shows what it did and found. Nothing is served.
 *
 *     NAME   a check of the configuration, found as `serve` finds it
 *     URL    a target, with the defaults of a check
 *     none   every check of the configuration, one line each
 */
import type { CheckDeclaration } from "../checks/declarations.js";
import { type DaemonConfig, DEFAULT_CONFIG_FILE, OTHER_CONFIG_FILE } from "../config/daemon-config.js";
import { ConfigError, type Fault } from "../config/fault.js";
import { requireValid } from "../config/validate.js";
import { keepAlive } from "../core/background.js";
import { parseDuration } from "../core/duration.js";
import { nearestTo } from "../core/nearest.js";
import { SCHEMES } from "../probers/schemes.js";
import { type Flag, type FlagValues, readFlags, shownArgument, UsageError } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { fileOf, loadConfig } from "./load-config.js";
import type { TestReport, TestVerdict } from "./test-report.js";
import { testCheck } from "./test-run.js";
import { reportLine, reportText } from "./test-text.js";
import { untilSignal } from "./until-signal.js";

const FLAGS: readonly Flag[] = [
  {
    name: "config",
    short: "c",
    value: "FILE",
    fallback: `${DEFAULT_CONFIG_FILE} or ${OTHER_CONFIG_FILE} if it exists`,
    help: "The configuration that has the check. For a URL, only its allowLinkLocal counts.",
  },
  { name: "timeout", value: "TIME", fallback: "that of the check, or 2s", help: "The deadline of the probe." },
  { name: "json", help: "Print one JSON object for each check, on one line." },
];

export const HELP: CommandHelp = {
  about: `Makes one probe now, and shows every step: addresses, TLS, times, what came back and the verdict.
NAME is a check of the configuration. Without NAME and URL, every check is tested, one line each.
Secrets are shown as ***. Nothing is served, and no state changes.`,
  usage: "test [NAME|URL] [FLAGS]",
  flags: FLAGS,
  notes: "Of several checks, exit code 3 is before 4.",
  exitCodes: [
    [0, "the target passes, also with a warning"],
    [2, "an error in a flag, the configuration or the URL"],
    [3, "the target fails"],
    [4, "healthbridge could not probe, which says nothing about the target"],
  ],
  examples: [
    "healthbridge test https://www.example.com/health",
    "healthbridge test grpc://localhost:50051/acme.Orders --timeout 5s",
    "healthbridge test shop -c healthbridge.yaml",
    "healthbridge test --json | jq 'select(.verdict != \"pass\")'",
  ],
};

/** Stands for the words without a flag. */
const WORD: Flag = { name: "name or URL", value: "NAME|URL", repeats: true, help: "" };

const EXIT_FAILED = 3;
const EXIT_NOT_PROBED = 4;

const EXIT_CODES: Readonly<Record<TestVerdict, number>> = {
  pass: 0,
  warn: 0,
  fail: EXIT_FAILED,
  "not-probed": EXIT_NOT_PROBED,
};

/** Checks that are probed at the same time. */
const MAX_CONCURRENT = 16;

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...FLAGS, WORD], args, WORD.name);
  const timeoutMs = timeoutOf(values);
  const selection = await select(values);
  const print = printerOf(values, selection);
  return untilSignal(async (signal) => {
    const { checks, allowLinkLocal, isSingle } = selection;
    const options = { timeoutMs, allowLinkLocal, environment: process.env, signal };
    const codes: number[] = [];
    for await (const { check, report } of inOrder(checks, (each) => testCheck(each, options))) {
      process.stdout.write(print(report));
      // among others, a heartbeat is listed and has no effect
      if (isSingle || check.source.kind !== "heartbeat") codes.push(EXIT_CODES[report.verdict]);
    }
    return codes.includes(EXIT_FAILED) ? EXIT_FAILED : Math.max(0, ...codes);
  });
}

/** The checks that one call of `healthbridge test` probes. */
interface Selection {
  readonly checks: readonly CheckDeclaration[];
  readonly allowLinkLocal: boolean;
  /** One check, in every detail. */
  readonly isSingle: boolean;
}

/** @throws UsageError, ConfigError */
async function select(values: FlagValues): Promise<Selection> {
  const [word, surplus] = values.get(WORD.name) ?? [];
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${shownArgument(surplus)}`);
  const file = fileOf(values);
  if (word !== undefined && isUrl(word)) {
    const allowLinkLocal = values.has("config") && (await configOf(file, values)).allowLinkLocal;
    const check: CheckDeclaration = { name: "", source: { kind: "target", url: word }, options: {} };
    return { checks: [check], allowLinkLocal, isSingle: true };
  }
  if (file === undefined)
    throw new UsageError(
      `there is no ${DEFAULT_CONFIG_FILE} (or ${OTHER_CONFIG_FILE}) here; give -c FILE, or a URL such as http://host:port/path`,
    );
  const config = await configOf(file, values, word);
  const { allowLinkLocal, checks } = config;
  if (word !== undefined) return { checks: [checkNamed(word, config, file)], allowLinkLocal, isSingle: true };
  if (checks.length === 0) throw new UsageError(`${file} has no checks`);
  return { checks, allowLinkLocal, isSingle: false };
}

/** A name may have a colon too, but does not begin with a scheme. */
function isUrl(word: string): boolean {
  const scheme = word.slice(0, Math.max(0, word.indexOf(":"))).toLowerCase();
  return word.includes("://") || Object.hasOwn(SCHEMES, scheme);
}

/** The configuration, of which only the file counts. For one check, errors of other checks and of services are a warning. */
async function configOf(file: string | undefined, values: FlagValues, name?: string): Promise<DaemonConfig> {
  const config = values.get("config");
  const loaded = await loadConfig(file, new Map(config === undefined ? [] : [["config", config]]));
  try {
    return requireValid(loaded, [], process.env);
  } catch (error) {
    if (name === undefined || !(error instanceof ConfigError)) throw error;
    const { faults } = error;
    const isElsewhere = ({ path: [key, of] }: Fault) =>
      (key === "checks" && of !== undefined && of !== name) || key === "services" || key === "overall";
    if (!faults.every(isElsewhere)) throw error;
    const count = `${faults.length} ${faults.length === 1 ? "error" : "errors"}`;
    process.stderr.write(`warning: ${file} has ${count} outside of this check; healthbridge validate shows them\n`);
    return loaded.config;
  }
}

/** @throws UsageError with the nearest name */
function checkNamed(name: string, { checks, services, templates }: DaemonConfig, file: string): CheckDeclaration {
  const check = checks.find((each) => each.name === name);
  if (check !== undefined) return check;
  const shown = shownArgument(name);
  const service = services.find((each) => each.name === name);
  if (service !== undefined)
    throw new UsageError(`${shown} is a service, not a check; its members are ${service.members.join(", ")}`);
  const template = templates.find((each) => each.name === name);
  if (template !== undefined)
    throw new UsageError(`${shown} has instances; name the URL of one: healthbridge test URL`);
  const nearest = nearestTo(
    name,
    checks.map((each) => each.name),
  );
  throw new UsageError(`${file} has no check ${shown}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`);
}

/** Longer than any useful probe. */
const MAX_TIMEOUT_MS = 3_600_000;

function timeoutOf(values: FlagValues): number | undefined {
  const text = values.get("timeout")?.[0];
  if (text === undefined) return undefined;
  const timeoutMs = parseDuration(text) ?? 0;
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new UsageError(
    `--timeout: ${JSON.stringify(text)} is not a duration above 0 and at most 1h (try 5s, 500ms, 1m)`,
  );
}

function printerOf(values: FlagValues, { checks, isSingle }: Selection): (report: TestReport) => string {
  const { stdout } = process;
  if (values.has("json")) return (report) => `${JSON.stringify(report)}\n`;
  const colour = stdout.isTTY && stdout.hasColors() && (process.env.NO_COLOR ?? "") === "";
  if (isSingle) return (report) => reportText(report, colour);
  const width = Math.max(...checks.map(({ name }) => name.length));
  return (report) => reportLine(report, width, colour);
}

/** Runs a few at the same time. The results come in the order of the checks. */
async function* inOrder(
  checks: readonly CheckDeclaration[],
  test: (check: CheckDeclaration) => Promise<TestReport>,
): AsyncGenerator<{ readonly check: CheckDeclaration; readonly report: TestReport }> {
  const running: { readonly check: CheckDeclaration; readonly report: Promise<TestReport> }[] = [];
  const rest = checks.values();
  for (;;) {
    while (running.length < MAX_CONCURRENT) {
      const { value: check } = rest.next();
      if (check === undefined) break;
      const report = test(check);
      report.catch(() => {}); // it is awaited in its turn
      running.push({ check, report });
    }
    const first = running.shift();
    if (first === undefined) return;
    yield { check: first.check, report: await keepAlive(first.report) };
  }
}
