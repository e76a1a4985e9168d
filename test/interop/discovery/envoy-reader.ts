/**
 * Envoy as a reader: one of the configurations in readers/ with a listener for the traffic and an admin port, and traffic through
 * it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../support/free-port.js";
import { envoy } from "../install.js";
import { accepting, Running } from "../peers.js";
import type { Reader } from "./reader-contract.js";
import { HttpTraffic } from "./traffic.js";

export const readerFile = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`readers/${name}`, import.meta.url)), "utf8");

export interface EnvoyOptions {
  readonly directory: string;
  readonly discoveryPort: number;
  readonly token?: string;
  /** Further lines of the cluster `orders`, with their indentation. */
  readonly cluster?: string;
  /** Further lines of the cluster `healthbridge`, the last one of the file. */
  readonly transport?: string;
}

const frontOf = (port: number, adminPort: number): string => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${adminPort} } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            validate_clusters: false # the clusters of ADS come later
            virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: orders } }] }]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`;

export class EnvoyReader implements Reader {
  readonly #running: Running;
  readonly #adminPort: number;
  readonly #port: number;
  #traffic: HttpTraffic | undefined;

  private constructor(running: Running, port: number, adminPort: number) {
    this.#running = running;
    this.#port = port;
    this.#adminPort = adminPort;
  }

  /** Starts Envoy with a configuration of readers/. Its traffic starts with `startTraffic`. */
  static async start(file: string, options: EnvoyOptions): Promise<EnvoyReader> {
    const { directory, discoveryPort, token = "", cluster = "", transport = "" } = options;
    const [port, adminPort] = [await freePort(), await freePort()];
    const text = readerFile(file)
      .replaceAll("8500", `${discoveryPort}`)
      .replace("TOKEN", token)
      .replace("    type: EDS\n", `    type: EDS\n${cluster}`)
      .replace("static_resources:\n", frontOf(port, adminPort).trimStart());
    const path = join(directory, `envoy-${port}.yaml`);
    writeFileSync(path, `${text}${transport}`);
    const flags = ["--disable-hot-restart", "--concurrency", "1", "-l", "warn"];
    const reader = new EnvoyReader(new Running(envoy(), ["-c", path, ...flags]), port, adminPort);
    await accepting(adminPort);
    return reader;
  }

  /** The failed requests since the traffic was started. */
  get failures(): readonly string[] {
    return this.#traffic?.failures ?? [];
  }

  /** What Envoy has logged. */
  get log(): string {
    return this.#running.output;
  }

  /** Starts the traffic, or starts it again without the failures before. Requests that come early wait for the listener. */
  async startTraffic(): Promise<this> {
    this.#traffic?.stop();
    await accepting(this.#port);
    this.#traffic = new HttpTraffic(this.#port);
    return this;
  }

  /** The health status of each endpoint of the cluster `orders`, by its port. */
  async healthOf(): Promise<ReadonlyMap<number, string>> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/clusters?format=json`);
    const clusters: readonly EnvoyCluster[] = Object(await answer.json()).cluster_statuses ?? [];
    const hosts = clusters.find(({ name }) => name === "orders")?.host_statuses ?? [];
    return new Map(
      hosts.map(({ address, health_status }) => [
        address.socket_address.port_value,
        health_status.eds_health_status ?? "?",
      ]),
    );
  }

  /** The value of a counter or a gauge of Envoy. */
  async stat(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#adminPort}/stats?filter=^${name}$`)).text();
    return Number(text.trim().split(": ")[1] ?? 0);
  }

  async stop(): Promise<void> {
    this.#traffic?.stop();
    await this.#running.stop();
  }
}

interface EnvoyCluster {
  readonly name: string;
  readonly host_statuses?: readonly {
    readonly address: { readonly socket_address: { readonly port_value: number } };
    readonly health_status: { readonly eds_health_status?: string };
  }[];
}
