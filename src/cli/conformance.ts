/**
 * `healthbridge conformance`: tests a gRPC health server, in any language, against the rules of its protocols.
 *
 *     flags --> server --> facts --> rows --> text or JSON, JUnit XML, exit code
 *
 * Nothing of the server is changed, unless a program is given that changes statuses (`--control`).
 */
import { type ServerFacts, type TestedServer, Unreachable } from "../conformance/context.js";
import { ControlProgram } from "../conformance/control.js";
import { discover } from "../conformance/discover.js";
import { junitErrorXml, junitXml } from "../conformance/junit.js";
import { conformanceReport, rowReport } from "../conformance/report.js";
import type { ConformanceRow } from "../conformance/row.js";
import { type RowResult, runRows } from "../conformance/run.js";
import { ROWS } from "../conformance/table.js";
import { keepAlive } from "../core/background.js";
import { nearestTo } from "../core/nearest.js";
import { printable } from "../core/printable.js";
import { SERVER_FLAGS, testedServer } from "./conformance-server.js";
import { listText, rowText, summaryText } from "./conformance-text.js";
import { type Flag, type FlagValues, readFlags, shownArgument, UsageError } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { ReportFile } from "./report-file.js";
import { untilSignal } from "./until-signal.js";

const EXIT_BREACHES = 1;
const EXIT_NOT_TRIED = 3;

const FLAGS: readonly Flag[] = [
  {
    name: "service",
    value: "NAME",
    fallback: '"" if it has a status, otherwise one that List names',
    help: "A service that the server has.",
  },
  {
    name: "control",
    value: "CMD",
    help: "A program that changes statuses, for the rows on changes. It may start the server.",
  },
  ...SERVER_FLAGS,
  { name: "only", value: "ROW", repeats: true, help: "Try this row only. Repeatable." },
  { name: "except", value: "ROW", repeats: true, help: "Leave this row out: a known breach, for example. Repeatable." },
  { name: "list-rows", help: "Print the rows and stop. No ADDR is needed." },
  { name: "json", help: "Print one JSON object." },
  { name: "junit", value: "FILE", help: "Write JUnit XML too, for the reports of CI." },
];

export const HELP: CommandHelp = {
  about: `Tests a gRPC health server, in any language, against the rules of its protocols: the health
protocol, gRPC over HTTP/2, and HTTP/2. For a broken rule it shows what was sent, expected and
received, and the document that contains the rule.
A run makes some 500 calls, with at most 16 connections at a time and 100 calls on one of them, and
ends within 35 seconds. It changes no status without --control. It also sends frames that break
HTTP/2, and a server with a bug may not survive them: use a test instance.`,
  usage: "conformance ADDR [FLAGS]",
  flags: FLAGS,
  notes: `ADDR is HOST:PORT, :PORT or unix:/PATH.
A row that is not tried does not count: the server does not offer what the row is about, or the row
needs a flag, which the report names.

A control program reads lines on its input, and answers each with a line. Its other lines are
ignored.
  set NAME STATUS   give the service NAME a status, SERVING or NOT_SERVING
  clear NAME        remove the service NAME
  ok                its answer: done
  no TEXT           its answer: the server cannot do that, and the row is not tried`,
  exitCodes: [
    [0, "every row that was tried holds"],
    [EXIT_BREACHES, "a row is broken, or an unexpected error"],
    [2, "an error in a flag or the address"],
    [EXIT_NOT_TRIED, "no row could be tried, which says nothing about conformance"],
  ],
  examples: [
    "healthbridge conformance localhost:50051",
    "healthbridge conformance localhost:50051 --service acme.Orders --junit conformance.xml",
    "healthbridge conformance :50051 --control './server --port 50051 --statuses-from-stdin'",
    "healthbridge conformance orders.example:443 --tls --except content-type-other --json",
  ],
};

/** Stands for the words without a flag. */
const WORD: Flag = { name: "address", value: "ADDR", repeats: true, help: "" };

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...FLAGS, WORD], args, WORD.name);
  const rows = chosenRows(values);
  if (values.has("list-rows")) return print(listText(rows));
  const [address, surplus] = values.get(WORD.name) ?? [];
  if (address === undefined) throw new UsageError("the address of a server is missing: healthbridge conformance ADDR");
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${shownArgument(surplus)}`);
  const server = await testedServer(address, values);
  const file = values.get("junit")?.[0];
  const junit = file === undefined ? undefined : await ReportFile.open("junit", file);
  try {
    return await keepAlive(untilSignal((signal) => runOn({ address, server, rows, values, junit, signal })));
  } finally {
    await junit?.close();
  }
}

interface ConformanceRun {
  readonly address: string;
  readonly server: TestedServer;
  readonly rows: readonly ConformanceRow[];
  readonly values: FlagValues;
  readonly junit: ReportFile | undefined;
  readonly signal: AbortSignal;
}

async function runOn(of: ConformanceRun): Promise<number> {
  const { server, values } = of;
  const command = values.get("control")?.[0];
  const control = command === undefined ? undefined : new ControlProgram(command, server.clock, server.answerMs);
  try {
    const facts = await discover(server, { service: values.get("service")?.[0], control, signal: of.signal });
    return await report(of, facts, control);
  } catch (error) {
    if (!(error instanceof Unreachable) || of.signal.aborted) throw error;
    const text = `${of.address}: no row could be tried: ${error.message}`;
    process.stderr.write(`healthbridge: ${printable(text)}\n`);
    await of.junit?.write(junitErrorXml(of.address, error.message));
    return EXIT_NOT_TRIED;
  } finally {
    await control?.stop();
  }
}

async function report(of: ConformanceRun, facts: ServerFacts, control: ControlProgram | undefined): Promise<number> {
  const { address, server, rows, values, signal } = of;
  const startedAt = server.clock.now();
  const printer = values.has("json") ? undefined : new RowPrinter(rows.length);
  const onResult = (result: RowResult) => printer?.print(result);
  const results = await runRows(rows, { server, facts, control, signal, onResult });
  const durationMs = server.clock.now() - startedAt;
  const whole = conformanceReport(address, facts.known, { results, durationMs });
  process.stdout.write(values.has("json") ? `${printable(JSON.stringify(whole))}\n` : summaryText(whole));
  await of.junit?.write(junitXml(whole));
  if (whole.summary.breaks > 0) return EXIT_BREACHES;
  return whole.summary.holds > 0 ? 0 : EXIT_NOT_TRIED;
}

/** Prints rows as they come; on a terminal with colour, and with a line that says how far the run is. */
class RowPrinter {
  readonly #count: number;
  readonly #isTerminal = process.stdout.isTTY;
  readonly #colour = process.stdout.isTTY && process.stdout.hasColors() && (process.env.NO_COLOR ?? "") === "";
  #printed = 0;
  #group: string | undefined;

  constructor(count: number) {
    this.#count = count;
    this.#progress();
  }

  print(result: RowResult): void {
    const text = rowText(rowReport(result), this.#group !== result.row.group, this.#colour);
    this.#group = result.row.group;
    this.#printed += 1;
    process.stdout.write(this.#isTerminal ? `\r\u001b[K${text}` : text);
    this.#progress();
  }

  #progress(): void {
    if (!this.#isTerminal) return;
    process.stdout.write(this.#printed < this.#count ? `${this.#printed} of ${this.#count} rows ...` : "");
  }
}

/** @throws UsageError with the nearest row */
function chosenRows(values: FlagValues): readonly ConformanceRow[] {
  const [only, except] = [values.get("only"), values.get("except")];
  const ids = ROWS.map(({ id }) => id);
  for (const [flag, given] of Object.entries({ only, except })) {
    const unknown = given?.find((id) => !ids.includes(id));
    if (unknown === undefined) continue;
    const nearest = nearestTo(unknown, ids);
    const hint = nearest === undefined ? "--list-rows shows them" : `did you mean ${nearest}?`;
    throw new UsageError(`--${flag}: there is no row ${shownArgument(unknown)}; ${hint}`);
  }
  const chosen = ROWS.filter(({ id }) => (only?.includes(id) ?? true) && except?.includes(id) !== true);
  if (chosen.length === 0) throw new UsageError("--only and --except leave no row");
  return chosen;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
