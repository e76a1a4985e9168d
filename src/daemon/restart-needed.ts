/** The keys of which a reload cannot apply a change. */
import { isDeepStrictEqual } from "node:util";
import type { DaemonConfig } from "../config/daemon-config.js";
import type { RestartKey } from "../config/keys.js";
import type { Log } from "../telemetry/log.js";

type OtherRestartKey = "tls" | "fleet" | "tls.clientCaFile" | `${"discovery" | "haproxyAgent"}.${string}`;

/** The values of which a reload cannot apply a change. */
const RESTART_VALUES: Readonly<Record<OtherRestartKey | RestartKey, (config: DaemonConfig) => unknown>> = {
  listen: ({ listen }) => listen,
  tls: ({ tls }) => tls !== undefined,
  "tls.clientCaFile": ({ tls }) => tls?.clientCa !== undefined,
  engine: ({ engine }) => engine,
  listenThread: ({ listenThread }) => listenThread,
  paths: ({ paths }) => paths,
  statusCodePaths: ({ statusCodePaths }) => statusCodePaths,
  maxConnectionAge: ({ maxConnectionAgeMs }) => maxConnectionAgeMs,
  stateDir: ({ stateDir }) => stateDir,
  control: ({ control }) => control,
  listLimit: ({ listLimit }) => listLimit,
  maxWatchers: ({ maxWatchers }) => maxWatchers,
  page: ({ page }) => page,
  hosts: ({ hosts }) => hosts,
  historyMemory: ({ historyMemory }) => historyMemory,
  historyRetain: ({ historyRetainMs }) => historyRetainMs,
  "discovery.listen": ({ discovery }) => discovery?.listen,
  "discovery.consul": ({ discovery }) => discovery?.forms.consul,
  "discovery.xds": ({ discovery }) => discovery?.forms.xds,
  "discovery.prometheus": ({ discovery }) => discovery?.forms.prometheus,
  "haproxyAgent.listen": ({ haproxyAgent }) => haproxyAgent?.listen,
  "haproxyAgent.weights": ({ haproxyAgent }) => haproxyAgent?.weights,
  fleet: ({ fleet }) => fleet && { ...fleet, sharing: undefined },
};

/** The changed keys that keep their values until the next start. */
export function restartNeeded(running: DaemonConfig, next: DaemonConfig): readonly string[] {
  const changed = Object.entries(RESTART_VALUES).filter(([, read]) => !isDeepStrictEqual(read(running), read(next)));
  return changed.map(([key]) => key);
}

/** Says which changes are not applied. */
export function logRestart(log: Log, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const message = `${keys.map((key) => `\`${key}\``).join(", ")} changed; restart to apply`;
  log.write("warn", "restart-needed", message, { keys });
}
