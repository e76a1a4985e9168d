/** `healthbridge list`: all services of a health service, with their statuses, once. */
import { keepAlive } from "../core/background.js";
import { printable } from "../core/printable.js";
import { type Flag, readFlags, shownArgument, UsageError } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { Cancellation } from "./probe/cancellation.js";
import type { ProbeSettings } from "./probe/probe-settings.js";
import { untilSignal } from "./until-signal.js";
import { TARGET_FLAGS, targetSettings, withTwoDashes } from "./watch/target-flags.js";
import { hasColour } from "./watch/terminal.js";

const EXIT_UNLISTED = 3;

const FLAGS: readonly Flag[] = [
  { name: "json", help: "Print a JSON object on a line for each service." },
  ...TARGET_FLAGS,
];

export const HELP: CommandHelp = {
  about: `Shows all services that a health service lists, with their statuses. It works with every server
of grpc.health.v1 that has List. Where the server is healthbridge, it shows since when and why too.`,
  usage: "list ADDR [FLAGS]",
  flags: FLAGS,
  notes: `ADDR is HOST:PORT, :PORT, dns:///HOST:PORT or unix:/PATH. Times are in UTC.
For an exit code that depends on the statuses, use healthbridge probe -addr=ADDR -list.`,
  exitCodes: [
    [0, "the server has answered, with any statuses"],
    [EXIT_UNLISTED, "no connection, or the server has not answered with a list"],
  ],
  examples: [
    "healthbridge list localhost:50051",
    "healthbridge list orders:443 --tls --rpc-header 'authorization: Bearer ...'",
    "healthbridge list unix:/run/orders.sock --json",
  ],
};

/** Stands for the words without a flag. */
const WORD: Flag = { name: "address", value: "ADDR", repeats: true, help: "" };

/** Resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...FLAGS, WORD], withTwoDashes(args), WORD.name);
  const [addr, surplus] = values.get(WORD.name) ?? [];
  if (addr === undefined) throw new UsageError("the address of a server is missing: healthbridge list ADDR");
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${shownArgument(surplus)}`);
  const settings = targetSettings(addr, values);
  return keepAlive(
    untilSignal((signal) => {
      const cancellation = new Cancellation();
      signal.addEventListener("abort", () => cancellation.cancel());
      return list(settings, cancellation, values.has("json"));
    }),
  );
}

async function list(settings: ProbeSettings, cancellation: Cancellation, isJson: boolean): Promise<number> {
  const { listJson, listServices, listText } = await import("./watch/list-services.js");
  const listed = await listServices(settings, process.env, cancellation);
  if (cancellation.isCancelled) return 0; // the signal decides
  if ("fault" in listed) {
    process.stderr.write(`healthbridge: ${printable(`${settings.addr}: ${listed.fault}`)}\n`);
    return EXIT_UNLISTED;
  }
  const text = isJson ? listJson(settings.addr, listed.rows) : listText(listed.rows, hasColour(process.env));
  process.stdout.write(text);
  return 0;
}
