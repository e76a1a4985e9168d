/** A real Prometheus with our rules, which scrapes twice a second. Each alert fires after a second. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { debian } from "./install.js";
import { Running } from "./peers.js";

export const DEPLOY = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
export const RULES = "healthbridge.rules.yml";

/** One series of an answer: its labels, and its value as text. */
export interface Answer {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, text: string];
}

/** A firing alert. */
export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A target that Prometheus has found. */
export interface DiscoveredTarget {
  readonly scrapeUrl: string;
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export class PrometheusServer {
  readonly #directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  readonly #address: string;
  readonly #running: Running;

  private constructor(address: string, jobs: readonly object[]) {
    this.#address = address;
    const file = (name: string) => join(this.#directory, name);
    writeFileSync(file(RULES), readFileSync(join(DEPLOY, RULES), "utf8").replaceAll(/for: \d+\w/g, "for: 1s"));
    const global = { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" };
    const config = { global, rule_files: [RULES], scrape_configs: jobs };
    writeFileSync(file("prometheus.yml"), JSON.stringify(config)); // which is YAML
    const flags = [`--config.file=${file("prometheus.yml")}`, `--storage.tsdb.path=${file("data")}`];
    this.#running = new Running(debian("prometheus"), [...flags, `--web.listen-address=${address}`]);
  }

  /** Starts one that scrapes `target` (HOST:PORT), and waits until it is ready. */
  static start(target: string): Promise<PrometheusServer> {
    return PrometheusServer.startJobs([{ job_name: "healthbridge", static_configs: [{ targets: [target] }] }]);
  }

  /** Starts one with these `scrape_configs`, and waits until it is ready. */
  static async startJobs(jobs: readonly object[]): Promise<PrometheusServer> {
    const server = new PrometheusServer(`127.0.0.1:${await freePort()}`, jobs);
    const ready = () =>
      fetch(`http://${server.#address}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually(ready, "Prometheus is ready", 60_000);
    return server;
  }

  async query(expression: string): Promise<readonly Answer[]> {
    const { result = [] } = await this.#ask(`query?query=${encodeURIComponent(expression)}`);
    return result;
  }

  async firing(): Promise<readonly FiringAlert[]> {
    const { alerts = [] } = await this.#ask("alerts");
    return alerts.filter(({ state }: { state: string }) => state === "firing");
  }

  /** The targets of a job, with the labels that they had before relabelling. */
  async targets(job: string): Promise<readonly DiscoveredTarget[]> {
    const { activeTargets = [] } = await this.#ask("targets?state=active");
    return activeTargets.filter(({ scrapePool }: { scrapePool: string }) => scrapePool === job);
  }

  async stop(): Promise<void> {
    await this.#running.stop();
    rmSync(this.#directory, { recursive: true });
  }

  /** @throws for a query that Prometheus refuses */
  async #ask(path: string): Promise<Record<string, never[]>> {
    await pause(100); // it evaluates twice a second: asking more often would only cost
    const { status, data, error } = JSON.parse(await (await fetch(`http://${this.#address}/api/v1/${path}`)).text());
    if (status !== "success") throw new Error(`${path}: ${error}`);
    return data;
  }
}
