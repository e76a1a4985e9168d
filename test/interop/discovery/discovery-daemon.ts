/**
 * `healthbridge serve` with a service `orders` over the backends of a fleet, and a discovery listener. It can be restarted on the
 * same ports.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DaemonProcess, type LogLine, MAIN } from "../../support/daemon-process.js";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { run } from "../peers.js";
import type { Backend, FleetOfBackends } from "./fleet-of-backends.js";

export const TOKEN = "a-token-of-discovery";

/** How often instances are checked. */
export interface CheckTimes {
  readonly interval: string;
  readonly timeout: string;
}

export const QUICK: CheckTimes = { interval: "1s", timeout: "900ms" };

export interface DiscoveryDaemonOptions {
  /** Further lines of the configuration. */
  readonly more?: string;
  /** Further keys of the check `orders`, such as `tags: [blue]`. */
  readonly check?: string;
  /** Default true. */
  readonly withToken?: boolean;
}

/** A change of an instance's state. */
export interface StateChange {
  /** The name of its check. */
  readonly check: string;
  /** Wall time. */
  readonly at: number;
}

export class DiscoveryDaemon {
  readonly port: number;
  readonly discoveryPort: number;
  readonly #directory: string;
  readonly #fleet: FleetOfBackends;
  readonly #options: DiscoveryDaemonOptions;
  readonly #configFile: string;
  readonly #checks = new Map<Backend, string>();
  #process: DaemonProcess | undefined;

  private constructor(
    directory: string,
    fleet: FleetOfBackends,
    { ports, ...options }: DiscoveryDaemonOptions & { readonly ports: readonly [main: number, discovery: number] },
  ) {
    this.#directory = directory;
    this.#fleet = fleet;
    this.#options = options;
    [this.port, this.discoveryPort] = ports;
    this.#configFile = join(directory, "healthbridge.yaml");
  }

  /** Starts one in a folder, for the backends of a fleet. */
  static async start(
    directory: string,
    fleet: FleetOfBackends,
    options: DiscoveryDaemonOptions = {},
  ): Promise<DiscoveryDaemon> {
    const ports = [await freePort(), await freePort()] as const;
    const daemon = new DiscoveryDaemon(directory, fleet, { ...options, ports });
    daemon.configure(QUICK);
    await daemon.start();
    return daemon;
  }

  async start(): Promise<void> {
    rmSync(join(this.#directory, "control.sock"), { force: true });
    this.#process = await DaemonProcess.serve("-c", this.#configFile);
  }

  /** Ends the process, and waits for its end. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#process?.process.kill(signal);
    await this.#process?.ended();
  }

  async stop(): Promise<void> {
    await this.#process?.kill();
  }

  /** Makes a backend fail its check. Resolves when the check is failing. */
  fail(backend: Backend): Promise<StateChange> {
    return this.#turn(backend, "failing", () => {
      backend.isHealthy = false;
    });
  }

  /** Makes a backend pass its check. Resolves when the check is passing. */
  recover(backend: Backend): Promise<StateChange> {
    return this.#turn(backend, "passing", () => {
      backend.isHealthy = true;
      backend.healthDelayMs = 0;
    });
  }

  /** Makes a backend answer its check slowly. Resolves when the check is in the state `warning`. */
  slow(backend: Backend, healthDelayMs: number): Promise<StateChange> {
    return this.#turn(backend, "warning", () => {
      backend.healthDelayMs = healthDelayMs;
    });
  }

  /** The name of the check of a backend. */
  async checkOf(backend: Backend): Promise<string> {
    const known = this.#checks.get(backend);
    if (known !== undefined) return known;
    const { check } = await this.fail(backend);
    await this.recover(backend);
    return check;
  }

  /** Drains or resumes a service or an instance, or reads the configuration again. Returns the wall time after that. */
  async operate(command: "drain" | "resume" | "reload", ...names: readonly string[]): Promise<number> {
    const args = [MAIN, command, ...names, "--control", join(this.#directory, "control.sock")];
    const { code, stderr } = await run(process.execPath, args);
    assert.equal(code, 0, stderr);
    return Date.now();
  }

  /** The value of a metric, or 0. `series` is its name with its labels. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`${series} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  /** Writes the configuration, for the next start or reload. */
  configure({ interval, timeout }: CheckTimes): void {
    const { more = "", check = "", withToken = true } = this.#options;
    const file = (name: string) => join(this.#directory, name);
    writeFileSync(file("token"), `${TOKEN}\n`, { mode: 0o600 });
    const token = withToken ? `, tokenFile: ${file("token")}` : "";
    writeFileSync(
      this.#configFile,
      `listen: ["plain://127.0.0.1:${this.port}"]
control: ${file("control.sock")}
drainDelay: 0s
discovery: { listen: "127.0.0.1:${this.discoveryPort}"${token} }
${more}
checks:
  orders:
    target: "http://{address}/health"
    instances: { file: ${this.#fleet.targetsFile}, refresh: 1s }
    interval: ${interval}
    timeout: ${timeout}
    unhealthyThreshold: 1
    healthyThreshold: 1
    ${check}
`,
    );
  }

  /** Addresses are in no log line: the first check that turns after the first change of a backend is that of the backend. */
  async #turn(backend: Backend, state: string, change: () => void): Promise<StateChange> {
    const log = this.#process?.log ?? [];
    const { length } = log;
    change();
    const known = this.#checks.get(backend);
    const isOurs = ({ event, subject, name, to }: LogLine) =>
      event === "transition" && subject === "check" && to === state && (known ?? name) === name;
    const line = () => log.slice(length).find(isOurs);
    await eventually(() => line() !== undefined, `the check ${known ?? ""} is ${state}`);
    const check = String(line()?.name);
    this.#checks.set(backend, check);
    return { check, at: Number(line()?.at) };
  }
}
