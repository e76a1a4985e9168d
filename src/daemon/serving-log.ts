/** The line of the log that says what is served where, with a command to try. */
import type { DaemonConfig } from "../config/daemon-config.js";
import type { Access } from "../core/listen-address.js";
import { parseListenEntry } from "../core/listen-point.js";
import type { Log } from "../telemetry/log.js";

/** Logs what is served where, with a command to try. */
export function logServing(log: Log, config: DaemonConfig, addresses: readonly string[]): void {
  const services = [...config.checks, ...config.templates].map(({ name }) => name);
  const what = services.length === 0 ? "own health" : `health of ${services.join(", ")}`;
  const shown = addresses.map((address, index) => (accessAt(config, index) === "open" ? `open://${address}` : address));
  const message = `serving ${what} over gRPC and HTTP on ${shown.join(", ")}; try: ${commandToTry(config, addresses)}`;
  log.write("info", "serving", message, { addresses, services });
}

function accessAt({ listen }: DaemonConfig, index: number): Access {
  const entry = listen.at(index);
  return entry === undefined ? "default" : parseListenEntry(entry).address.access;
}

/** The last address, but not one that a proxy alone can use, if there is another. */
function commandToTry(config: DaemonConfig, addresses: readonly string[]): string {
  const index = config.listen.findLastIndex((entry) => parseListenEntry(entry).proxies === undefined);
  const address = addresses.at(index) ?? "";
  const scheme = config.tls === undefined || accessAt(config, index) !== "default" ? "http" : "https";
  const certificate = config.tls?.clientCa === undefined ? "" : "--cert FILE --key FILE ";
  const insecure = scheme === "https" ? `-k ${certificate}` : "";
  if (address.startsWith("unix:"))
    return `curl ${insecure}--unix-socket ${address.slice(5)} ${scheme}://localhost/healthcheck`;
  const reachable = address.replace(/^(?:\[::\]|0\.0\.0\.0):/, "localhost:");
  return `curl ${insecure}${scheme}://${reachable}/healthcheck`;
}
