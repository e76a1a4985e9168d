/**
 * A fleet of real `serve` processes, each in a network namespace of its own, with a store and targets.
 *
 * The targets are paths of one process: checks `t0`, `t1`, ... with the services of the same names. Times are short: a crash is
 * made up for within lease + settle + beat + edgeInterval (PROMISE_MS), and a slow machine gets SLACK_MS.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { debian } from "../../interop/install.js";
import { DaemonProcess } from "../../support/daemon-process.js";
import { eventually } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import { FleetNetwork } from "./fleet-network.js";
import { Recording } from "./recording.js";

export const BEAT_MS = 500;
export const LEASE_MS = 1_500;
export const SETTLE_MS = 500;
export const EDGE_MS = 500;
export const INTERVAL_MS = 1_000;
export const TIMEOUT_MS = 500;
export const STALE_MS = 8_000;
export const PROMISE_MS = LEASE_MS + SETTLE_MS + BEAT_MS + EDGE_MS;
/** What a loaded machine may add. */
export const SLACK_MS = 3_000;

export const PASSWORD = "s3cret-Word";
export const PORT = 8080;
const TARGET_PORT = 9000;
const STORE_PORT = 6379;
const SECRET = "0123456789abcdef0123";

export interface MemberOptions {
  /** More keys of `fleet`. */
  readonly fleet?: string;
  /** More keys of the file, as lines of YAML. */
  readonly more?: string;
  /** The lines of `checks`, in place of those of the site. */
  readonly checks?: string;
  /** Another name than that of the namespace. */
  readonly name?: string;
  /** A program with its arguments that runs the daemon. */
  readonly under?: readonly string[];
  readonly store?: string;
  readonly drainDelay?: string;
}

export interface SiteOptions extends MemberOptions {
  readonly targets?: number;
  readonly members?: number;
  /** How many members probe each target. Default: 2, but 1 for every third one, so that it has no second opinion. */
  readonly copies?: number;
  /** More checks, as lines of YAML. */
  readonly extra?: string;
  /** What is done when the store runs, before members start. */
  readonly prepare?: (site: FleetSite) => Promise<void>;
  /** A second process of targets, in the namespace `gateway`. */
  readonly gateway?: boolean;
  /** What is different at one member. */
  readonly each?: (space: string) => MemberOptions;
}

/** One process of a member. */
export class Member {
  readonly space: string;
  readonly process: string;
  readonly daemon: DaemonProcess;
  readonly address: string;
  readonly control: string;

  constructor(space: string, process: string, daemon: DaemonProcess, address: string, control: string) {
    this.space = space;
    this.process = process;
    this.daemon = daemon;
    this.address = address;
    this.control = control;
  }

  signal(name: NodeJS.Signals): void {
    this.daemon.process.kill(name);
  }

  lines(event: string): number {
    return this.daemon.log.filter((line) => line.event === event).length;
  }

  /** The sum of the series of a metric that begin so. */
  async metric(series: string): Promise<number> {
    const response = await fetch(`http://${this.address}:${PORT}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const lines = (await response.text())
      .split("\n")
      .filter((line) => line.startsWith(series) && !line.startsWith("#"));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }
}

export class FleetSite {
  readonly network: FleetNetwork;
  readonly recording = new Recording();
  readonly members: Member[] = [];
  readonly targets: readonly string[];
  /** Targets that were made to fail: their services may fall. */
  readonly sick = new Set<string>();
  readonly #folder = mkdtempSync(join(tmpdir(), "hb-fleet-rows-"));
  readonly #options: SiteOptions;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #starts = new Map<string, number>();
  #store: (() => Promise<void>) | undefined;

  private constructor(site: number, options: SiteOptions) {
    this.#options = options;
    this.network = new FleetNetwork(site);
    this.targets = Array.from({ length: options.targets ?? 12 }, (_, index) => `t${index}`);
    writeFileSync(join(this.#folder, "secret"), SECRET, { mode: 0o600 });
  }

  /** A fleet in which each service is SERVING at each member. The caller closes it. */
  static async open(site: number, options: SiteOptions = {}): Promise<FleetSite> {
    const made = new FleetSite(site, options);
    try {
      await made.#open(options);
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  async #open(options: SiteOptions): Promise<void> {
    this.network.add("store", 2);
    this.network.add("targets", 3);
    await this.startStore();
    await this.#startTargets(options.gateway === true);
    await options.prepare?.(this);
    const count = options.members ?? 3;
    await Promise.all(Array.from({ length: count }, (_, index) => this.start(`m${index + 1}`)));
    await this.serves();
    await this.settled();
  }

  /** Live members. */
  get live(): readonly Member[] {
    return this.members.filter(({ daemon }) => daemon.exit === undefined);
  }

  member(space: string): Member {
    const member = this.live.findLast((each) => each.space === space);
    assert.ok(member, `${space} runs`);
    return member;
  }

  /** Starts a process of a member, again when there was one. */
  async start(space: string, given: MemberOptions = {}): Promise<Member> {
    const options = { ...this.#options.each?.(space), ...given };
    if (!this.#starts.has(space)) this.network.add(space, 10 + Number(space.slice(1)));
    const count = (this.#starts.get(space) ?? 0) + 1;
    this.#starts.set(space, count);
    const name = count === 1 ? space : `${space}#${count}`;
    const file = join(this.#folder, `${space}.yaml`);
    const control = join(this.#folder, `${space}.sock`);
    writeFileSync(file, this.file(space, options));
    const under = [...this.network.within(space), ...(options.under ?? [])];
    const daemon = new DaemonProcess(["serve", "-c", file], [], under);
    const member = new Member(space, name, daemon, this.network.addressOf(space), control);
    this.members.push(member);
    this.recording.follow(name, `${member.address}:${PORT}`);
    await eventually(() => member.lines("serving") > 0 || daemon.exit !== undefined, `${name} serves`);
    assert.equal(daemon.exit, undefined, daemon.stderr);
    return member;
  }

  /** The file of a member. */
  file(space: string, options: MemberOptions = {}): string {
    const { fleet = "", more = "", checks, name = space, drainDelay = "0s", store } = { ...this.#options, ...options };
    const lines = [
      `listen: ["0.0.0.0:${PORT}"]`,
      `drainDelay: ${drainDelay}`,
      `control: ${join(this.#folder, `${space}.sock`)}`,
      `fleet: { name: rows, store: "${store ?? this.storeUrl}", member: ${name}, secretFile: ${join(this.#folder, "secret")}, beat: ${BEAT_MS}ms, lease: ${LEASE_MS}ms, settle: ${SETTLE_MS}ms${fleet && `, ${fleet}`} }`,
      `defaults: { interval: ${INTERVAL_MS}ms, timeout: ${TIMEOUT_MS}ms, edgeInterval: ${EDGE_MS}ms, staleAfter: ${STALE_MS}ms, unhealthyThreshold: 2, healthyThreshold: 1 }`,
      more,
      "checks:",
      checks ?? this.checks(),
      checks === undefined ? (this.#options.extra ?? "") : "",
    ];
    return `${lines.join("\n")}\n`;
  }

  /** The checks of all targets. */
  checks(): string {
    return this.targets
      .map((name) => `  ${name}: { target: "${this.urlOf(name)}", copies: ${this.copiesOf(name)} }`)
      .join("\n");
  }

  copiesOf(target: string): number {
    return this.#options.copies ?? (Number(target.slice(1)) % 3 === 0 ? 1 : 2);
  }

  urlOf(target: string): string {
    return `http://${this.network.addressOf("targets")}:${TARGET_PORT}/${target}`;
  }

  get storeUrl(): string {
    return `redis://:${PASSWORD}@${this.network.addressOf("store")}:${STORE_PORT}`;
  }

  /** Starts redis-server in the namespace of the store. */
  async startStore(): Promise<void> {
    const args = ["--port", `${STORE_PORT}`, "--bind", "0.0.0.0", "--save", "", "--requirepass", PASSWORD];
    this.#store = this.spawn("store", debian("redis-server"), [...args, "--dir", this.#folder]);
    await eventually(() => this.redis("PING") === "PONG", "redis answers");
  }

  /** Kills redis-server: its memory is lost. */
  async killStore(): Promise<void> {
    await this.#store?.();
  }

  /** A command of an administrator. */
  redis(...command: readonly string[]): string {
    return this.redisOf("store", ...command);
  }

  /** The same, in another namespace. */
  redisOf(space: string, ...command: readonly string[]): string {
    const cli = debian("redis-cli", "redis-tools");
    const [program = "", ...rest] = [...this.network.within(space), cli, "--no-auth-warning", "-a", PASSWORD];
    return spawnSync(program, [...rest, ...command], { encoding: "utf8" }).stdout.trim();
  }

  /** Runs a program in a namespace until what is returned is called, or the test file ends. */
  spawn(space: string, program: string, args: readonly string[]): () => Promise<void> {
    const [first = "", ...rest] = [...this.network.within(space), program, ...args];
    const child = spawn(first, rest, { stdio: ["ignore", "ignore", "inherit"] });
    notOutlive(child, () => child.kill("SIGKILL"));
    const stop = async () => {
      child.kill("SIGKILL");
      await eventually(() => child.exitCode !== null || child.signalCode !== null, `${program} ends`);
    };
    this.#ends.push(stop);
    return stop;
  }

  /** Makes targets ok, fail, hang or dead. */
  async set(state: "ok" | "fail" | "hang" | "dead", ...names: readonly string[]): Promise<void> {
    for (const name of names) if (state !== "ok") this.sick.add(name).add("");
    await this.#ask(`set?state=${state}`, { names });
  }

  /** Makes targets ok again. When all members tell so, their services must not fall any more. */
  async recover(...names: readonly string[]): Promise<void> {
    await this.set("ok", ...names);
    await this.tells("SERVING", names, 15_000);
    for (const name of names) this.sick.delete(name);
    if (this.sick.size === 1) this.sick.delete("");
    this.recording.forgive(names);
  }

  async forgetHits(): Promise<void> {
    await this.#ask("forget", {});
  }

  /** Which members have probed each target, since the last `forgetHits`. */
  async probers(): Promise<ReadonlyMap<string, readonly string[]>> {
    // the targets' own process answers
    const hits = (await (await this.#fetch("hits")).json()) as Record<string, Record<string, number>>;
    const spaceOf = new Map([...this.#starts.keys()].map((space) => [this.network.addressOf(space), space]));
    return new Map(
      Object.entries(hits).map(([name, counts]) => [
        name,
        Object.keys(counts)
          .map((each) => spaceOf.get(each) ?? each)
          .sort(),
      ]),
    );
  }

  /** Who probes each target: those that do so within one interval. */
  async owners(withinMs = 2 * INTERVAL_MS): Promise<ReadonlyMap<string, readonly string[]>> {
    await this.forgetHits();
    await new Promise((resolve) => setTimeout(resolve, withinMs));
    return this.probers();
  }

  /** Waits until each live member tells SERVING of each target that is not sick. */
  async serves(withinMs = 30_000): Promise<void> {
    await this.tells(
      "SERVING",
      this.targets.filter((name) => !this.sick.has(name)),
      withinMs,
    );
  }

  /** Waits until each live member tells a status of services. Returns the milliseconds that it took. */
  async tells(status: string, services: readonly string[], withinMs: number): Promise<number> {
    const since = performance.now();
    const others = () =>
      this.live.flatMap(({ process }) =>
        services.flatMap((service) => {
          const told = this.recording.status(process, service);
          return told === status ? [] : [`${process} ${service} ${told}`];
        }),
      );
    await eventually(() => others().length === 0, `${status} everywhere`, withinMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${others().join(", ")}`);
    });
    return performance.now() - since;
  }

  /** Waits until each target is probed by as many members as it has copies, all of them live. */
  async settled(withinMs = 30_000): Promise<void> {
    let wrong: readonly string[] = [];
    await eventually(
      async () => {
        const owners = await this.owners();
        wrong = this.targets.flatMap((name) => {
          const probers = owners.get(name) ?? [];
          return probers.length === Math.min(this.live.length, this.copiesOf(name))
            ? []
            : [`${name}: ${probers.join(" ")}`];
        });
        return wrong.length === 0;
      },
      "each target has its probers",
      withinMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${wrong.join(", ")}`);
    });
  }

  async kill(member: Member): Promise<void> {
    this.recording.ends(member.process);
    await member.daemon.kill();
  }

  /** Ends a member by SIGTERM. What it tells while it drains does not count. Returns the milliseconds that it took. */
  async terminate(member: Member): Promise<number> {
    const since = performance.now();
    this.recording.ends(member.process);
    member.signal("SIGTERM");
    await member.daemon.ended();
    return performance.now() - since;
  }

  /** No healthy target ever left SERVING, at no member, and no stream broke. */
  judge(): void {
    assert.deepEqual(
      this.recording.falls((service) => this.sick.has(service)),
      [],
    );
    assert.deepEqual(this.recording.broken, []);
  }

  async close(): Promise<void> {
    this.recording.close();
    for (const { daemon } of this.live) {
      daemon.process.kill("SIGCONT");
      await daemon.kill().catch(() => {});
    }
    for (const end of this.#ends) await end().catch(() => {});
    this.network.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #startTargets(hasGateway: boolean): Promise<void> {
    const program = fileURLToPath(new URL("targets-process.ts", import.meta.url));
    const args = ["--import", "tsx", program, `${TARGET_PORT}`];
    this.spawn("targets", process.execPath, args);
    if (hasGateway) {
      this.network.add("gateway", 4);
      this.spawn("gateway", process.execPath, args);
    }
    const isReady = () =>
      this.#fetch("hits").then(
        () => true,
        () => false,
      );
    await eventually(isReady, "the targets answer");
  }

  async #ask(path: string, body: object): Promise<void> {
    await this.#fetch(path, { method: "POST", body: JSON.stringify(body) });
  }

  #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(5_000);
    return fetch(`http://${this.network.addressOf("targets")}:${TARGET_PORT}/-/${path}`, { ...init, signal });
  }
}
