/** A real Prometheus with our rules, which scrapes a daemon twice a second. Each alert fires after a second. */
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

export class PrometheusServer {
  readonly #directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  readonly #address: string;
  readonly #running: Running;

  private constructor(address: string, target: string) {
    this.#address = address;
    const file = (name: string) => join(this.#directory, name);
    writeFileSync(file(RULES), readFileSync(join(DEPLOY, RULES), "utf8").replaceAll(/for: \d+\w/g, "for: 1s"));
    const scrape = `{ job_name: healthbridge, static_configs: [{ targets: ["${target}"] }] }`;
    const global = "{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }";
    writeFileSync(file("prometheus.yml"), `global: ${global}\nrule_files: [${RULES}]\nscrape_configs: [${scrape}]\n`);
    const flags = [`--config.file=${file("prometheus.yml")}`, `--storage.tsdb.path=${file("data")}`];
    this.#running = new Running(debian("prometheus"), [...flags, `--web.listen-address=${address}`]);
  }

  /** Starts one that scrapes `target` (HOST:PORT), and waits until it is ready. */
  static async start(target: string): Promise<PrometheusServer> {
    const server = new PrometheusServer(`127.0.0.1:${await freePort()}`, target);
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
