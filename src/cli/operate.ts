/**
 * `healthbridge drain`, `resume`, `maintenance` and `reload`: each is one call of the control service.
 */
import { parseDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import { askDaemon, CONTROL_EXIT_CODES, CONTROL_FLAGS } from "./control-call.js";
import { type Flag, type FlagValues, readFlags, UsageError } from "./flags.js";
import type { CommandHelp, CommandModule } from "./help.js";

/** Stands for the word without a flag. */
const SERVICE: Flag = { name: "service", value: "SERVICE", help: "" };

const OVERALL_FLAG: Flag = { name: "overall", help: 'Only the server as a whole, the service "".' };

const DRAIN_HELP: CommandHelp = {
  about: `Makes a service, or without SERVICE all of them, NOT_SERVING until it is resumed, even if its
checks pass. A service that contains it counts it as failing. The daemon keeps running, probing and
answering: no connection is closed, and drainDelay, which belongs to the end of the daemon, has no
effect here. Load balancers see the drain with their next health check. With stateDir, the drain
survives a restart.`,
  usage: "drain [SERVICE] [FLAGS]",
  flags: [OVERALL_FLAG, ...CONTROL_FLAGS],
  exitCodes: CONTROL_EXIT_CODES,
  examples: [
    "healthbridge drain",
    "healthbridge drain acme.orders.v1.Orders",
    "healthbridge drain orders --control /run/healthbridge.sock",
  ],
};

export const DRAIN: CommandModule = {
  HELP: DRAIN_HELP,
  run(args) {
    const values = valuesOf(DRAIN_HELP, args);
    const scope = scopeOf(values);
    return askDaemon({
      ...{ method: "Drain", request: scope, values },
      print: ([answer]) => {
        const { changed = false, survivesRestart = false } = answer ?? {};
        const what = changed ? "drained" : "was drained already";
        const restart = survivesRestart ? "" : "\nA restart ends this drain, because the daemon has no stateDir.";
        const report = "all" in scope ? "report" : "reports";
        const until = `until ${resumeCommand(scope)}.`;
        return {
          json: { ...scope, changed, survivesRestart },
          text: `${nameOf(scope)}: ${what}; ${report} NOT_SERVING ${until}${restart}\n`,
        };
      },
    });
  },
};

const RESUME_HELP: CommandHelp = {
  about: `Ends the drain of a service. Without SERVICE it ends every drain, also those of single services.
The statuses are then those of the checks.`,
  usage: "resume [SERVICE] [FLAGS]",
  flags: [OVERALL_FLAG, ...CONTROL_FLAGS],
  exitCodes: CONTROL_EXIT_CODES,
  examples: ["healthbridge resume", "healthbridge resume acme.orders.v1.Orders"],
};

export const RESUME: CommandModule = {
  HELP: RESUME_HELP,
  run(args) {
    const values = valuesOf(RESUME_HELP, args);
    const scope = scopeOf(values);
    return askDaemon({
      ...{ method: "Resume", request: scope, values },
      print: ([answer]) => {
        const { all = false, services = [], allStillDrained = false } = answer ?? {};
        const ended = [...(all ? [nameOf({ all })] : []), ...services.map((service) => nameOf({ service }))];
        const text = ended.length === 0 ? `${nameOf(scope)}: not drained` : `resumed: ${ended.join(", ")}`;
        const note = allStillDrained ? "\nAll services are still drained; healthbridge resume ends that too." : "";
        return { json: { all, services, allStillDrained }, text: `${text}${note}\n` };
      },
    });
  },
};

const MAINTENANCE_HELP: CommandHelp = {
  about: `Silences the alerts of a service, or without SERVICE of all, for a time. It never changes a status.
The time does not count for the uptime. status shows the maintenance. With stateDir, it survives a
restart, until it is over or ended. In a fleet it holds at all members.`,
  usage: "maintenance [SERVICE] (--for TIME | --end) [FLAGS]",
  flags: [
    { name: "for", value: "TIME", help: "How long, such as 30m or 2h; at most 365d." },
    { name: "reason", value: "TEXT", help: "Why. status shows it. At most 200 characters." },
    { name: "end", help: "End the maintenance now." },
    OVERALL_FLAG,
    ...CONTROL_FLAGS,
  ],
  exitCodes: CONTROL_EXIT_CODES,
  examples: [
    'healthbridge maintenance --for 2h --reason "new disks"',
    "healthbridge maintenance acme.orders.v1.Orders --for 30m",
    "healthbridge maintenance --end",
  ],
};

export const MAINTENANCE: CommandModule = {
  HELP: MAINTENANCE_HELP,
  run(args) {
    const values = valuesOf(MAINTENANCE_HELP, args);
    const scope = scopeOf(values);
    const request = { ...scope, durationMs: durationOf(values), reason: values.get("reason")?.[0] ?? "" };
    return askDaemon({
      ...{ method: "SetMaintenance", request, values },
      print: ([answer]) => {
        const { changed = false, untilMs = 0, survivesRestart = false, fleet = "", unaware = [] } = answer ?? {};
        const ended = changed ? "maintenance has ended" : "there was no maintenance";
        const isKept = survivesRestart || fleet !== "";
        const restart = isKept ? "" : " A restart ends it, because the daemon has no stateDir.";
        const until = `maintenance until ${new Date(untilMs).toISOString()}; statuses are not changed.${restart}`;
        return {
          json: { ...scope, changed, untilMs, survivesRestart, ...(fleet === "" ? {} : { fleet, unaware }) },
          text: `${nameOf(scope)}: ${request.durationMs === 0 ? ended : until}${changed ? fleetNote(fleet, unaware) : ""}\n`,
        };
      },
    });
  },
};

const RELOAD_HELP: CommandHelp = {
  about: `Makes the daemon read its configuration again, as SIGHUP does, and waits for the result.
An invalid configuration changes nothing; each error is printed with its line and column.`,
  usage: "reload [FLAGS]",
  flags: CONTROL_FLAGS,
  exitCodes: [...CONTROL_EXIT_CODES, [3, "the configuration was rejected; the previous one is kept"]],
  examples: ["healthbridge reload", "healthbridge reload --json --control /run/healthbridge.sock"],
};

export const RELOAD: CommandModule = {
  HELP: RELOAD_HELP,
  run(args) {
    const values = readFlags(CONTROL_FLAGS, args);
    return askDaemon({
      ...{ method: "Reload", request: {}, values },
      exitCode: ([answer]) => (answer?.applied === true ? 0 : 3),
      print: ([answer]) => {
        const { applied = false, faults = [], moreFaults = 0, restartNeeded = [], configFile = "" } = answer ?? {};
        const keys = restartNeeded.map((key) => `\`${key}\``).join(", ");
        const done =
          configFile === ""
            ? "nothing to reload: the configuration does not come from a file"
            : `reloaded ${configFile}`;
        const lines = applied
          ? [done, ...(keys === "" ? [] : [`${keys} changed; restart to apply`])]
          : [...faults, ...(moreFaults > 0 ? [`${moreFaults} more errors`] : []), "the previous configuration is kept"];
        return {
          json: { applied, configFile, faults, moreFaults, restartNeeded },
          text: lines.map((line) => `${printable(line)}\n`).join(""),
        };
      },
    });
  },
};

/** Where it holds. */
function fleetNote(fleet: string, unaware: readonly string[]): string {
  if (fleet === "") return "";
  if (unaware.length === 0) return `\nAll live members of the fleet ${printable(fleet)} know of it.`;
  const names = unaware.map(printable).join(", ");
  return `\nMembers of the fleet ${printable(fleet)} that do not know of it yet: ${names}. They hear of it when they and the store answer.`;
}

type ServiceScope = { readonly all: true } | { readonly service: string };

function valuesOf({ flags }: CommandHelp, args: readonly string[]): FlagValues {
  return readFlags([...flags, SERVICE], args, SERVICE.name);
}

/** @throws UsageError */
function scopeOf(values: FlagValues): ServiceScope {
  const [service] = values.get(SERVICE.name) ?? [];
  if (!values.has(OVERALL_FLAG.name)) return service === undefined ? { all: true } : { service };
  if (service !== undefined) throw new UsageError("give SERVICE or --overall, not both");
  return { service: "" };
}

/** The command that ends this drain, and no other. */
function resumeCommand(scope: ServiceScope): string {
  if ("all" in scope) return "healthbridge resume";
  return `healthbridge resume ${scope.service === "" ? "--overall" : printable(scope.service)}`;
}

function nameOf(scope: ServiceScope): string {
  if ("all" in scope) return "all services";
  return scope.service === "" ? "the server as a whole" : printable(scope.service);
}

/** @throws UsageError */
function durationOf(values: FlagValues): number {
  const [text] = values.get("for") ?? [];
  if (values.has("end") === (text !== undefined)) throw new UsageError("give either --for TIME or --end");
  const durationMs = text === undefined ? 0 : parseDuration(text);
  if (durationMs !== undefined && (text === undefined || durationMs >= 1)) return durationMs;
  throw new UsageError(`--for: ${JSON.stringify(text)} is not a duration of at most a year (try 30m)`);
}
