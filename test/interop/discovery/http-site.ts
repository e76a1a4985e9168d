/**
 * Four instances of `orders` on 127.0.0.1, a daemon that finds them in a file, and traffic through a reader of discovery.
 *
 *     Traffic --100 a second--> the reader (HAProxy, Traefik) --> Instance a, b, c, d: each counts its requests by time
 *                                    ^                                ^
 *                                    +-- discovery -- the daemon -- GET /health, every 250 ms
 *
 * All times are wall times of this machine in milliseconds: those of the daemon's log and those of requests compare.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ALL_PAGES } from "../../docs/markdown.js";
import { DaemonProcess } from "../../support/daemon-process.js";
import { eventually, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { run } from "../peers.js";

const MAIN = new URL("../../../dist/cli/main.cjs", import.meta.url).pathname;

/** Traffic must leave an instance, and come back, within so many milliseconds of its status. */
export const WITHIN_MS = 1_000;

/** A program whose health a test decides. Its answer to a request is its name. */
export class Instance {
  healthy = true;
  readonly name: string;
  /** When each request that was no probe came. */
  readonly requests: number[] = [];
  readonly #server: Server;

  private constructor(name: string) {
    this.name = name;
    this.#server = createServer(({ url }, response) => {
      if (url === "/health") response.statusCode = this.healthy ? 200 : 500;
      else this.requests.push(Date.now());
      response.end(name);
    });
  }

  static async start(name: string): Promise<Instance> {
    const instance = new Instance(name);
    await new Promise<void>((resolve) => instance.#server.listen(0, "127.0.0.1", resolve));
    return instance;
  }

  /** HOST:PORT. */
  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  requestsSince(time: number): number {
    return this.requests.filter((at) => at > time).length;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** An instance as `/v1/instances` has it. */
interface Told {
  readonly check: string;
  readonly state: string;
  readonly port: number;
}

export class Site {
  readonly token = "0123456789abcdef0123456789abcdef";
  readonly folder = mkdtempSync(join(tmpdir(), "healthbridge-discovery-"));
  readonly instances: readonly Instance[];
  readonly discoveryPort: number;
  readonly agentPort: number;
  #daemon: DaemonProcess | undefined;
  readonly #logs: DaemonProcess["log"][] = [];

  private constructor(instances: readonly Instance[], ports: { readonly discovery: number; readonly agent: number }) {
    this.instances = instances;
    this.discoveryPort = ports.discovery;
    this.agentPort = ports.agent;
  }

  /** Starts the instances and the daemon. `check` and `top`: further keys of the check `orders` and of the file. */
  static async start({ check = {}, top = {} }: { check?: object; top?: object } = {}): Promise<Site> {
    const instances = await Promise.all(["a", "b", "c", "d"].map((name) => Instance.start(name)));
    const site = new Site(instances, { discovery: await freePort(), agent: await freePort() });
    site.writeTargets();
    writeFileSync(site.path("token"), site.token);
    const times = { interval: "250ms", timeout: "200ms", unhealthyThreshold: 2, healthyThreshold: 1 };
    const orders = {
      target: "http://{address}/health",
      instances: { file: site.path("targets.json"), refresh: "1s" },
      ...times,
      ...check,
    };
    const config = {
      listen: ["127.0.0.1:0"],
      control: site.path("control.sock"),
      discovery: { listen: `127.0.0.1:${site.discoveryPort}`, tokenFile: site.path("token") },
      haproxyAgent: { listen: `127.0.0.1:${site.agentPort}` },
      drainDelay: "0s",
      checks: { orders },
      ...top,
    };
    writeFileSync(site.path("healthbridge.yaml"), stringify(config));
    await site.startDaemon();
    await site.recover();
    return site;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  instance(name: string): Instance {
    const found = this.instances.find((each) => each.name === name);
    assert.ok(found, name);
    return found;
  }

  /** Writes the file of targets with these instances, all by default. */
  writeTargets(instances: readonly Instance[] = this.instances): void {
    const groups = instances.map(({ address, name }) => ({ targets: [address], labels: { instance_name: name } }));
    writeFileSync(this.path("targets.json"), JSON.stringify(groups));
  }

  /** Writes a file of targets that cannot be read. */
  breakTargets(): void {
    writeFileSync(this.path("targets.json"), "[{");
  }

  async startDaemon(): Promise<void> {
    this.#daemon = await DaemonProcess.serve("-c", this.path("healthbridge.yaml"));
    this.#logs.push(this.#daemon.log);
  }

  async stopDaemon(): Promise<void> {
    this.#daemon?.process.kill("SIGTERM");
    await this.#daemon?.ended();
  }

  async stop(): Promise<void> {
    await this.#daemon?.kill();
    for (const instance of this.instances) instance.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Asks the discovery listener with the token. */
  ask(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.discoveryPort}${path}`, { headers: { "x-consul-token": this.token } });
  }

  /** The name of the check of an instance. */
  async checkOf(instance: Instance): Promise<string> {
    const instances: readonly Told[] = JSON.parse(await (await this.ask("/v1/instances/orders")).text());
    const found = instances.find(({ port }) => instance.address === `127.0.0.1:${port}`);
    assert.ok(found, `${instance.address} is an instance`);
    return found.check;
  }

  /** Makes all instances pass, and resolves when they are healthy for the daemon. */
  async recover(): Promise<void> {
    for (const instance of this.instances) instance.healthy = true;
    await eventually(() => this.#areAllHealthy(), "all instances are healthy");
  }

  async #areAllHealthy(): Promise<boolean> {
    const answer = await this.ask("/v1/instances/orders");
    if (!answer.ok) return false;
    const instances: readonly Told[] = JSON.parse(await answer.text());
    return instances.length === this.instances.length && instances.every(({ state }) => state === "healthy");
  }

  /** Runs a command of operators, such as `drain NAME`. */
  async control(...args: string[]): Promise<void> {
    const { code, stderr } = await run(process.execPath, [MAIN, ...args, "--control", this.path("control.sock")]);
    assert.equal(code, 0, stderr);
  }

  /** Makes an instance fail or pass; resolves with the time at which its check had the new state. */
  async turn(instance: Instance, healthy: boolean): Promise<number> {
    const name = await this.checkOf(instance);
    const since = Date.now();
    instance.healthy = healthy;
    const to = healthy ? "passing" : "failing";
    const find = () =>
      this.#logs
        .flat()
        .find(
          (line) => line.event === "transition" && line.name === name && line.to === to && Number(line.at) >= since,
        );
    await eventually(() => find() !== undefined, `${name} is ${to}`);
    return Number(find()?.at);
  }
}

/** Requests through a proxy at a constant rate. */
export class Traffic {
  /** When each request that failed began, and how. */
  readonly failures: string[] = [];
  sent = 0;
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;

  constructor(url: string, perSecond = 100) {
    this.#url = url;
    this.#timer = setInterval(() => this.#send(), 1_000 / perSecond);
  }

  #send(): void {
    this.sent += 1;
    const fail = (how: string) => this.failures.push(how);
    request(this.#url, { agent: this.#agent }, (response) => {
      if (response.statusCode !== 200) fail(`${response.statusCode}`);
      response.resume();
    })
      .on("error", (error) => fail(error.message))
      .end();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }
}

/** No request reaches the instance later than `WITHIN_MS` after `since`, for `forMs`, and the other healthy ones get some. */
export async function assertAvoided(site: Site, instance: Instance, since: number, forMs = 2_000): Promise<void> {
  await pause(since + WITHIN_MS + forMs - Date.now());
  const late = instance.requests.filter((at) => at > since + WITHIN_MS).map((at) => at - since);
  assert.deepEqual(late, [], `times of requests to ${instance.name} after its state, in milliseconds`);
  const others = site.instances.filter((each) => each !== instance && each.healthy);
  for (const each of others) assert.ok(each.requestsSince(since) > 0, `${each.name} has no traffic`);
}

/** Holds when the first request reaches the instance within `WITHIN_MS` of `since`. */
export async function assertBack(instance: Instance, since: number): Promise<number> {
  await eventually(() => instance.requestsSince(since) > 0, `${instance.name} has traffic again`, 5_000);
  const first = instance.requests.find((at) => at > since) ?? Number.POSITIVE_INFINITY;
  assert.ok(first - since <= WITHIN_MS, `traffic of ${instance.name} is back after ${first - since} ms`);
  return first - since;
}

/** A block of docs/discovery.md by its name. */
export function blockOf(name: string): string {
  const blocks = ALL_PAGES.filter(({ path }) => path === "docs/discovery.md").flatMap((page) => page.blocks);
  const block = blocks.find((each) => each.name === name);
  assert.ok(block, name);
  return block.code;
}
