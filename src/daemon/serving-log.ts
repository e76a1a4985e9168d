/** The lines of the log that say what is served where, with a command to try. */
import type { DaemonConfig } from "../config/daemon-config.js";
import { DISCOVERY_FORMS } from "../config/validate-discovery.js";
import type { Access } from "../core/listen-address.js";
import { type ListenEntry, parseListenEntry } from "../core/listen-point.js";
import type { Log } from "../telemetry/log.js";
import type { DiscoveryAddresses } from "./discovery.js";

/** Logs what is served where, with a command to try. */
export function logServing(log: Log, config: DaemonConfig, addresses: readonly string[]): void {
  const services = [...config.checks, ...config.templates].map(({ name }) => name);
  const what = services.length === 0 ? "own health" : `health of ${services.join(", ")}`;
  const shown = addresses.map((address, index) =>
    accessOf(config.listen[index]) === "open" ? `open://${address}` : address,
  );
  const message = `serving ${what} over gRPC and HTTP on ${shown.join(", ")}; try: ${commandToTry(config, addresses)}`;
  log.write("info", "serving", message, { addresses, services });
}

function accessOf(entry: ListenEntry | undefined): Access {
  return entry === undefined ? "default" : parseListenEntry(entry).address.access;
}

/** The last address, but not one that a proxy alone can use, if there is another. */
function commandToTry(config: DaemonConfig, addresses: readonly string[]): string {
  const index = config.listen.findLastIndex((entry) => parseListenEntry(entry).proxies === undefined);
  const address = addresses.at(index) ?? "";
  return curlCommand(config.tls, { address, access: accessOf(config.listen.at(index)), path: "/healthcheck" });
}

function curlCommand(
  tls: DaemonConfig["tls"],
  { address, access, path }: { readonly address: string; readonly access: Access; readonly path: string },
  flags = "",
): string {
  const scheme = tls === undefined || access !== "default" ? "http" : "https";
  const certificate = tls?.clientCa === undefined ? "" : "--cert FILE --key FILE ";
  const options = `${scheme === "https" ? `-k ${certificate}` : ""}${flags}`;
  if (address.startsWith("unix:"))
    return `curl ${options}--unix-socket ${address.slice(5)} ${scheme}://localhost${path}`;
  const reachable = address.replace(/^(?:\[::\]|0\.0\.0\.0):/, "localhost:");
  return `curl ${options}${scheme}://${reachable}${path}`;
}

/** Logs the addresses and forms of discovery, with a command to try. */
export function logDiscovery(log: Log, { discovery, tls }: DaemonConfig, addresses: DiscoveryAddresses): void {
  if (discovery !== undefined) {
    const forms = DISCOVERY_FORMS.filter((form) => discovery.forms[form]);
    const token = discovery.token === undefined ? "" : '-H "X-Consul-Token: $(cat TOKENFILE)" ';
    const access = accessOf(discovery.listen[0]);
    const command = curlCommand(tls, { address: addresses.discovery[0] ?? "", access, path: "/v1/instances" }, token);
    const message = `serving discovery of instances on ${addresses.discovery.join(", ")} (${forms.join(", ")}); try: ${command}`;
    log.write("info", "discovery", message, { addresses: addresses.discovery, forms });
  }
  if (addresses.haproxyAgent.length === 0) return;
  const message = `answering HAProxy's agent-check on ${addresses.haproxyAgent.join(", ")}`;
  log.write("info", "haproxy-agent", message, { addresses: addresses.haproxyAgent });
}
