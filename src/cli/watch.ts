/**
 * `healthbridge watch`: the statuses of a health service as they change. On a terminal it is a table, in a pipe a line for
 * each change.
 */
import { keepAlive } from "../core/background.js";
import { parseDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import { OVERALL } from "../core/service-name.js";
import { type Flag, type FlagValues, readFlags, UsageError } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { Cancellation } from "./probe/cancellation.js";
import type { ProbeSettings } from "./probe/probe-settings.js";
import { untilSignal } from "./until-signal.js";
import { TARGET_FLAGS, targetSettings, withTwoDashes } from "./watch/target-flags.js";
import { canShowTable, hasColour } from "./watch/terminal.js";
import type { ServerListener } from "./watch/watch-server.js";

const EXIT_UNWATCHABLE = 3;

const DEFAULT_INTERVAL_MS = 2_000;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;

/** Lines that the reader has not taken. Further ones wait, one for each service. */
const MAX_UNREAD_BYTES = 1_048_576;

const FLAGS: readonly Flag[] = [
  { name: "overall", help: "Watch the server as a whole, the service with the empty name." },
  { name: "interval", value: "TIME", fallback: "2s", help: "The pause between two polls: 100ms to 1h." },
  { name: "json", help: "Print a JSON object on a line for each change." },
  ...TARGET_FLAGS,
];

export const HELP: CommandHelp = {
  about: `Shows the statuses of a health service as they change: of the named services, or of all that the
server lists. It works with every server of grpc.health.v1. Where the server is healthbridge, it
shows the reasons too. On a terminal it is a table; the key ? shows its keys. In a pipe, or with
TERM=dumb, it is a line for each status that becomes known or changes.
If the connection is lost, no status is shown as current until the server has reported it again.`,
  usage: "watch ADDR [SERVICE...] [FLAGS]",
  flags: FLAGS,
  notes: `ADDR is HOST:PORT, :PORT, dns:///HOST:PORT or unix:/PATH.
A change of the first 100 services comes at once (Watch), of others with the next poll: a List, or a
Check of each named service.`,
  exitCodes: [
    [0, "ended by the key q, or by the end of the reader"],
    [EXIT_UNWATCHABLE, "cannot be watched: no health service, no List and no SERVICE, or wrong credentials"],
    [130, "ended by Ctrl-C (SIGINT)"],
    [143, "ended by SIGTERM"],
  ],
  examples: [
    "healthbridge watch localhost:50051",
    "healthbridge watch orders:443 acme.orders.v1.Orders --overall --tls",
    "healthbridge watch :50051 --json | jq --unbuffered 'select(.status == \"NOT_SERVING\")'",
  ],
};

/** Stands for the words without a flag: the address, then the services. */
const WORD: Flag = {
  name: "address",
  value: "ADDR [SERVICE...]; --overall is the server as a whole",
  repeats: true,
  help: "",
};

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...FLAGS, WORD], withTwoDashes(args), WORD.name);
  const [addr, ...named] = values.get(WORD.name) ?? [];
  if (addr === undefined) throw new UsageError("the address of a server is missing: healthbridge watch ADDR");
  const settings = targetSettings(addr, values);
  const names = [...new Set(values.has("overall") ? [OVERALL, ...named] : named)];
  const services = names.length === 0 ? undefined : names;
  const watch = { settings, services, intervalMs: intervalOf(values) };
  return keepAlive(
    untilSignal((signal) => {
      const cancellation = new Cancellation();
      signal.addEventListener("abort", () => cancellation.cancel());
      const isTable = canShowTable(process.env) && !values.has("json");
      return isTable ? watchInTable(watch, cancellation) : watchInLines(watch, cancellation, values.has("json"));
    }),
  );
}

interface WatchSettings {
  readonly settings: ProbeSettings;
  readonly services: readonly string[] | undefined;
  readonly intervalMs: number;
}

async function watchInTable(watch: WatchSettings, cancellation: Cancellation): Promise<number> {
  const { LiveTable } = await import("./watch/live-table.js");
  const onQuit = () => cancellation.cancel();
  const table = new LiveTable({ addr: watch.settings.addr, hasColour: hasColour(process.env), onQuit });
  let fault: string | undefined;
  try {
    table.open();
    fault = await watchUntilCancelled(watch, cancellation, table.listener);
  } finally {
    table.close();
  }
  return exitCodeOf(watch, fault);
}

async function watchInLines(watch: WatchSettings, cancellation: Cancellation, isJson: boolean): Promise<number> {
  const { ChangeLines } = await import("./watch/change-lines.js");
  const onReaderGone = (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") cancellation.cancel();
  };
  // first and once: of another error, the listener of all commands makes a line and exit code 1, if it is alone
  process.stdout.prependOnceListener("error", onReaderGone);
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const hasRoom = () => process.stdout.writableLength < MAX_UNREAD_BYTES;
  const lines = new ChangeLines({ addr: watch.settings.addr, isJson, write, hasRoom });
  process.stdout.on("drain", () => lines.resume());
  return exitCodeOf(watch, await watchUntilCancelled(watch, cancellation, lines.listener));
}

async function watchUntilCancelled(watch: WatchSettings, cancellation: Cancellation, listener: ServerListener) {
  const { watchServer } = await import("./watch/watch-server.js");
  return watchServer({ ...watch, env: process.env, cancellation, listener });
}

/** @param fault why the server cannot be watched */
function exitCodeOf({ settings }: WatchSettings, fault: string | undefined): number {
  if (fault === undefined) return 0;
  process.stderr.write(`healthbridge: ${printable(`${settings.addr}: ${fault}`)}\n`);
  return EXIT_UNWATCHABLE;
}

function intervalOf(values: FlagValues): number {
  const text = values.get("interval")?.[0];
  if (text === undefined) return DEFAULT_INTERVAL_MS;
  const ms = parseDuration(text) ?? 0;
  if (ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms;
  throw new UsageError(`--interval: ${JSON.stringify(text)} is not a duration from 100ms to 1h (try 500ms, 2s)`);
}
