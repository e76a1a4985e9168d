/**
 * `healthbridge probe` in the table of commands. The launcher runs `probe` from its own bundle; this is for `help`, the man
 * page and the completions.
 */
import type { Flag } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { PROBE_FLAGS } from "./probe/probe-settings.js";
import { run as runProbe } from "./probe.js";

export const HELP: CommandHelp = {
  about: "Asks a gRPC health service once. Flags, texts and exit codes are those of grpc_health_probe.",
  usage: "probe -addr=HOST:PORT [FLAGS]",
  flags: PROBE_FLAGS.map(({ name, kind, usage, shownDefault }): Flag => {
    const help = usage.replace(/ ?\((?:default: [^)]*|required)\)/, "").trim();
    const value = kind === "bool" ? {} : { value: kind === "duration" ? "DURATION" : "VALUE" };
    return { name, help, ...value, ...(shownDefault && { fallback: shownDefault }) };
  }),
  notes: `A flag is written -x or --x. healthbridge probe -h prints the usage as grpc_health_probe does: on
stderr, with exit code 1.`,
  exitCodes: [
    [0, "SERVING"],
    [1, "a wrong flag, contradictory flags, or TLS files that cannot be read"],
    [2, "no connection within -connect-timeout"],
    [3, "the call failed, or was not complete within -rpc-timeout"],
    [4, "the service answered, but not with SERVING"],
    [20, "no credentials from the SPIFFE Workload API"],
  ],
  examples: [
    "healthbridge probe -addr=:50051 -service=acme.orders.v1.Orders",
    "healthbridge probe -addr=orders:50051 -tls -tls-ca-cert=/certs/ca.crt",
    "healthbridge probe -addr=:50051 -wait=30s",
  ],
};

/** Resolves with the exit code. */
export function run(args: readonly string[]): Promise<number> {
  return runProbe(args);
}
