/**
 * `healthbridge status`: what a running daemon says of itself, its services and its checks, through the control socket.
 */
import { formatDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import type {
  CheckDetails,
  ControlAnswer,
  DaemonStatus,
  RecoveryState,
  ServiceState,
  WebhookState,
} from "../wire/control-messages.js";
import { askDaemon, CONTROL_EXIT_CODES, CONTROL_FLAGS } from "./control-call.js";
import { type Flag, readFlags } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { storeNotes } from "./members.js";
import { table, time } from "./text-table.js";

const SERVICE: Flag = { name: "service", value: "SERVICE", help: "" };

export const HELP: CommandHelp = {
  about: `Shows a running daemon: its version, what it serves, each service and check with its cause and
times, its webhooks, and what a recovery does. With SERVICE only this one, with the checks that
count for it. Times are in UTC.`,
  usage: "status [SERVICE] [FLAGS]",
  flags: CONTROL_FLAGS,
  exitCodes: [...CONTROL_EXIT_CODES, [0, "the daemon has answered, with any status"]],
  examples: [
    "healthbridge status",
    "healthbridge status acme.orders.v1.Orders",
    "healthbridge status --json --control /run/healthbridge.sock",
  ],
};

interface Status {
  readonly daemon: DaemonStatus | undefined;
  readonly services: readonly ServiceState[];
  readonly checks: readonly CheckDetails[];
  readonly webhooks: readonly WebhookState[];
  readonly recovery: readonly RecoveryState[];
}

export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...HELP.flags, SERVICE], args, SERVICE.name);
  return askDaemon({
    ...{ method: "Status", request: { service: values.get(SERVICE.name)?.[0] }, values },
    print: (answers) => {
      const status = statusOf(answers);
      return { json: jsonOf(status), text: textOf(status, Date.now()) };
    },
  });
}

function statusOf(answers: readonly ControlAnswer<"Status">[]): Status {
  return {
    daemon: answers[0]?.daemon,
    services: answers.flatMap(({ services }) => services),
    checks: answers.flatMap(({ checks }) => checks),
    webhooks: answers.flatMap(({ webhooks }) => webhooks),
    recovery: answers.flatMap(({ recovery }) => recovery),
  };
}

/** With `latencyMs`, as in the log, instead of the microseconds of the message. */
function jsonOf({ checks, ...status }: Status): object {
  const shown = checks.map(({ latencyUs, ...check }) => ({
    ...check,
    latencyMs: latencyUs === undefined ? undefined : latencyUs / 1_000,
  }));
  return { ...status, checks: shown };
}

function textOf({ daemon, services, checks, webhooks, recovery }: Status, now: number): string {
  const tables = [
    table(["SERVICE", "STATUS", "SINCE", "REASON"], services.map(serviceRow)),
    table(
      ["CHECK", "STATE", "SINCE", "LAST RESULT", "LATENCY", "NEXT PROBE", "REASON"],
      checks.map((check) => checkRow(check, now)),
    ),
    table(["WEBHOOK", "PENDING", "FAILED REQUESTS", "LAST FAILURE"], webhooks.map(webhookRow)),
    table(
      ["RECOVERY", "SERVICE", "STATE", "RUNS", "NEXT RUN"],
      recovery.map((each) => recoveryRow(each, now)),
    ),
  ];
  const lines = [
    ...(daemon === undefined ? [] : daemonLines(daemon)),
    ...tables.flatMap((rows) => (rows.length === 0 ? [] : ["", ...rows])),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function daemonLines(daemon: DaemonStatus): readonly string[] {
  const { version, pid, uptimeMs, configFile, addresses, shuttingDown, drain, maintenance, restartNeeded } = daemon;
  const uptime = formatDuration(Math.floor(uptimeMs / 1_000) * 1_000);
  const file = configFile === "" ? "no file" : printable(configFile);
  const note = daemon.survivesRestart ? "" : " (no stateDir: a restart ends drains and maintenance)";
  return [
    `healthbridge ${version}, process ${pid}, up ${uptime}, ${file}, on ${addresses.join(", ")}`,
    ...(shuttingDown ? ["shutting down: all services report NOT_SERVING"] : []),
    ...storeNotes(daemon),
    ...(drain === undefined
      ? []
      : [`all services drained since ${time(drain.sinceMs)}; healthbridge resume ends it${note}`]),
    ...(maintenance === undefined
      ? []
      : [`all services in maintenance until ${time(maintenance.untilMs)}${reasonOf(maintenance)}`]),
    ...(restartNeeded.length === 0 ? [] : [`restart to apply: ${restartNeeded.join(", ")}`]),
  ];
}

function serviceRow({ name, status, degraded, sinceMs, reason, drain, maintenance }: ServiceState): readonly string[] {
  const notes = [
    reason,
    ...(drain !== undefined && reason !== "drained" ? ["drained"] : []),
    ...(maintenance === undefined ? [] : [`maintenance until ${time(maintenance.untilMs)}${reasonOf(maintenance)}`]),
  ];
  const shown = name === "" ? "(overall)" : printable(name);
  return [shown, degraded ? `${status} degraded` : status, time(sinceMs), notes.filter(Boolean).join("; ")];
}

function reasonOf({ reason }: { readonly reason: string }): string {
  return reason === "" ? "" : `: ${printable(reason)}`;
}

function checkRow(check: CheckDetails, now: number): readonly string[] {
  const { name, state, held, sinceMs, lastResultAtMs, latencyUs, nextProbeAtMs, reason, detail } = check;
  const last = lastResultAtMs === undefined ? "none" : `${seconds(now - lastResultAtMs)} ago`;
  const latency = latencyUs === undefined ? "" : `${(latencyUs / 1_000).toFixed(1)}ms`;
  const next = nextProbeAtMs === undefined ? "running" : `in ${seconds(nextProbeAtMs - now)}`;
  const probe = check.resting ? probedByText(check) : next;
  const cause = [reason, detail].filter(Boolean).join(": ");
  return [printable(name), held ? `${state} held` : state, time(sinceMs), last, latency, probe, printable(cause)];
}

/** Another member of the fleet probes it. */
function probedByText({ probedBy }: CheckDetails): string {
  return probedBy.length === 0 ? "not probed" : `probed by ${probedBy.map(printable).join(", ")}`;
}

function webhookRow({ name, pending, failures, detail }: WebhookState): readonly string[] {
  return [printable(name), String(pending), String(failures), printable(detail)];
}

function recoveryRow(recovery: RecoveryState, now: number): readonly string[] {
  const { recovery: rule, service, state, cause, runs, maxRuns, nextRunAtMs } = recovery;
  const next = nextRunAtMs === undefined ? "" : `in ${seconds(nextRunAtMs - now)}`;
  const shown = cause === "" ? state : `${state}: ${printable(cause)}`;
  return [printable(rule), printable(service), shown, `${runs} of ${maxRuns}`, next];
}

function seconds(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1_000)) * 1_000).replace(/^0ms$/, "0s");
}
