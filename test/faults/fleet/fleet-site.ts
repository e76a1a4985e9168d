/**
 * A fleet of real `serve` processes, each in a network namespace of its own, with a store and targets.
 *
 * The targets are paths of one process: checks `t0`, `t1`, ... with the services of the same names. Times are short: a crash is
 * made up for within lease + settle + beat + edgeInterval (PROMISE_MS). Time in which a process waited for a processor does not
 * count, and a slow machine gets SLACK_MS.
 */
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { debian } from "../../interop/install.js";
import { DaemonProcess, MAIN } from "../../support/daemon-process.js";
import { eventually, pause } from "../../support/eventually.js";
import { notOutlive } from "../../support/not-outlive.js";
import { waitedMs } from "../../support/waited.js";
import { FleetNetwork } from "./fleet-network.js";
import { Recording } from "./recording.js";
import { PASSWORD, PostgresServer, RedisServer, type StoreServer } from "./store-server.js";

export const BEAT_MS = 500;
export const LEASE_MS = 2_000;
export const SETTLE_MS = 500;
export const EDGE_MS = 500;
export const INTERVAL_MS = 1_000;
export const TIMEOUT_MS = 800;
export const STALE_MS = 8_000;
export const PROMISE_MS = LEASE_MS + SETTLE_MS + BEAT_MS + EDGE_MS;
/** What a loaded machine may add. */
export const SLACK_MS = Number(process.env.FLEET_SLACK_MS ?? 3_000);

export const PORT = 8080;
const TARGET_PORT = 9000;
const SECRET = "0123456789abcdef0123";
/** How many of the services each member is asked for by a Watch of gRPC. */
const MAX_WATCHES = 20;
/** What a loaded machine may need to answer the test. */
const ANSWER_MS = 20_000;
/** What it may need for what is promised within a time. The time that is judged is without that of waiting (`stopwatch`). */
const PATIENCE_MS = 60_000;
/** What it may need to start a member. */
const START_MS = 150_000;
/** Services in a message of a fault. */
const SHOWN_OTHERS = 12;
/** Lines of the log of a member in a message of a fault. */
const SHOWN_LINES = 15;

/** A check that has changed more than four times within a minute is flapping. Members tell a failure some seconds after it. */
const FLAPPING_MS = 75_000;

const NEVER_FAILED = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;

const execute = promisify(execFile);
/** Two intervals of the defaults. */
const DEFAULT_LOOK_MS = 22_000;

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
  /** Arguments of Node, before the program. */
  readonly nodeArgs?: readonly string[];
}

export interface SiteOptions extends MemberOptions {
  readonly targets?: number;
  readonly members?: number;
  readonly engine?: "redis" | "postgres";
  /** In place of INTERVAL_MS. A probe may take half of it. */
  readonly intervalMs?: number;
  /** In place of LEASE_MS. */
  readonly leaseMs?: number;
  /** The times of healthbridge's own defaults, in place of those above. */
  readonly hasDefaultTimes?: boolean;
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

/** A program in a namespace. */
export interface Spawned {
  /** Resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  signal(name: NodeJS.Signals): void;
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

  /** By its log: the metric is asked for where a row is about it, for that of many services is long. */
  get isDetached(): boolean {
    const last = this.daemon.log.findLast(({ event }) => event === "fleet-detached" || event === "fleet-attached");
    return last?.event === "fleet-detached";
  }

  /** The sum of the series of a metric that begin so. */
  async metric(series: string): Promise<number> {
    const response = await fetch(`http://${this.address}:${PORT}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
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
  /** When each target has failed last, and the time before. */
  readonly #failedAt = new Map<string, readonly [former: number, last: number]>();
  readonly #folder = mkdtempSync(join(tmpdir(), "hb-fleet-rows-"));
  readonly #options: SiteOptions;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #starts = new Map<string, number>();
  /** Programs other than members, such as the store, that have ended by themselves, or by another one's hand. */
  readonly #died: string[] = [];
  /** The processes of the targets. */
  readonly #helpers: number[] = [];
  readonly store: StoreServer;

  private constructor(site: number, options: SiteOptions) {
    this.#options = options;
    this.network = new FleetNetwork(site);
    this.targets = Array.from({ length: options.targets ?? 12 }, (_, index) => `t${index}`);
    writeFileSync(join(this.#folder, "secret"), SECRET, { mode: 0o600 });
    this.store = options.engine === "postgres" ? new PostgresServer(this) : new RedisServer(this);
  }

  /** A fleet in which each service is SERVING at each member. The caller closes it. */
  static async open(site: number, options: SiteOptions = {}): Promise<FleetSite> {
    const made = new FleetSite(site, options);
    try {
      await made.#open(options);
    } catch (error) {
      const state = made.state();
      await made.close();
      throw new Error(`${error}\n${state}`, { cause: error });
    }
    return made;
  }

  async #open(options: SiteOptions): Promise<void> {
    this.network.add("store", 2);
    this.network.add("targets", 3);
    await this.store.start();
    await this.#startTargets(options.gateway === true);
    await options.prepare?.(this);
    const count = options.members ?? 3;
    await Promise.all(Array.from({ length: count }, (_, index) => this.start(`m${index + 1}`)));
    await this.serves(START_MS);
    await this.settled(START_MS);
  }

  /** For people: what each live member has logged last, how long it has waited for a processor, and what has died. */
  state(): string {
    const members = this.live.map(({ process: name, daemon }) => {
      const waitedS = (waitedMs(daemon.process.pid ?? 0) / 1_000).toFixed(1);
      const events = daemon.log
        .slice(-SHOWN_LINES)
        .map(({ event, time, member }) => `${time} ${event} ${member ?? ""}`);
      return `${name} has waited ${waitedS} s: ${events.join(", ")}`;
    });
    return [...members, ...this.#died].join("\n");
  }

  /** For people: who probes a check, and what each of them finds, as each live member tells it. */
  async #probersOf(check = ""): Promise<string> {
    const told = this.live.map(async ({ process: name, control }) => {
      const args = [MAIN, "owners", check, "--json", "--control", control];
      const asked = await execute(process.execPath, args).catch((error: Error) => ({ stdout: error.message }));
      return `${name}: ${asked.stdout.trim()}`;
    });
    return (await Promise.all(told)).join("\n");
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
    const daemon = new DaemonProcess(["serve", "-c", file], options.nodeArgs ?? [], under);
    const member = new Member(space, name, daemon, this.network.addressOf(space), control);
    this.members.push(member);
    this.recording.follow(name, `${member.address}:${PORT}`, ["", ...this.targets.slice(0, MAX_WATCHES)]);
    await eventually(() => member.lines("serving") > 0 || daemon.exit !== undefined, `${name} serves`, START_MS);
    assert.equal(daemon.exit, undefined, daemon.stderr);
    return member;
  }

  /** The file of a member. */
  file(space: string, options: MemberOptions = {}): string {
    const merged = { ...this.#options, ...options };
    const { fleet = "", more = "", checks, name = space, drainDelay = "0s", store = this.store.url } = merged;
    const { intervalMs = INTERVAL_MS, leaseMs = LEASE_MS } = this.#options;
    const times = this.#options.hasDefaultTimes
      ? { fleet: "", defaults: "" }
      : {
          fleet: `, beat: ${BEAT_MS}ms, lease: ${leaseMs}ms, settle: ${SETTLE_MS}ms`,
          defaults: `defaults: { interval: ${intervalMs}ms, timeout: ${intervalMs === INTERVAL_MS ? TIMEOUT_MS : intervalMs / 2}ms, edgeInterval: ${Math.max(EDGE_MS, intervalMs / 2)}ms, staleAfter: ${(STALE_MS * intervalMs) / INTERVAL_MS}ms, unhealthyThreshold: 2, healthyThreshold: 1 }`,
        };
    const lines = [
      `listen: ["0.0.0.0:${PORT}"]`,
      `drainDelay: ${drainDelay}`,
      `control: ${join(this.#folder, `${space}.sock`)}`,
      `fleet: { name: rows, store: "${store}", member: ${name}, secretFile: ${join(this.#folder, "secret")}${times.fleet}${fleet && `, ${fleet}`} }`,
      times.defaults,
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

  /** A command of an administrator of Redis. */
  redis(...command: readonly string[]): string {
    return this.redisOf("store", ...command);
  }

  /** The same, in another namespace. */
  redisOf(space: string, ...command: readonly string[]): string {
    const cli = debian("redis-cli", "redis-tools");
    const [program = "", ...rest] = [...this.network.within(space), cli, "--no-auth-warning", "-a", PASSWORD];
    return spawnSync(program, [...rest, ...command], { encoding: "utf8" }).stdout.trim();
  }

  /** Runs a program in a namespace until it is stopped, or the test file ends. @param signal the one that stops it */
  spawn(space: string, program: string, args: readonly string[], signal: NodeJS.Signals = "SIGKILL"): Spawned {
    const [first = "", ...rest] = [...this.network.within(space), program, ...args];
    const child = spawn(first, rest, { stdio: ["ignore", "ignore", "inherit"] });
    notOutlive(child, () => child.kill("SIGKILL"));
    if (child.pid !== undefined && program === process.execPath) this.#helpers.push(child.pid);
    const died = (code: number | null, by: string | null) =>
      void this.#died.push(`${program} in ${space} has ended without an order: ${code ?? by}`);
    child.once("exit", died);
    const stop = async (otherSignal = signal) => {
      child.off("exit", died);
      child.kill(otherSignal);
      child.kill("SIGCONT");
      await eventually(() => child.exitCode !== null || child.signalCode !== null, `${program} ends`);
    };
    this.#ends.push(stop);
    return { stop, signal: (name) => void child.kill(name) };
  }

  /** Makes targets ok, fail, hang or dead. A target that has failed twice lately is waited for: a third time, it would flap. */
  async set(state: "ok" | "fail" | "hang" | "dead", ...names: readonly string[]): Promise<void> {
    for (const name of names)
      if (state === "ok") this.recording.failing.delete(name);
      else {
        const [former, last] = this.#failedAt.get(name) ?? NEVER_FAILED;
        await pause(Math.max(0, former + FLAPPING_MS - performance.now()));
        this.#failedAt.set(name, [last, performance.now()]);
        this.sick.add(name).add("");
      }
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

  /** The longest time without a probe of any target, in milliseconds, since the last `forgetHits`. */
  async longestGap(): Promise<number> {
    // the targets' own process answers
    const gaps = (await (await this.#fetch("gaps")).json()) as Record<string, number>;
    return Math.max(...this.targets.map((name) => gaps[name] ?? Number.POSITIVE_INFINITY));
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
  async owners(withinMs = this.#lookMs): Promise<ReadonlyMap<string, readonly string[]>> {
    await this.forgetHits();
    await new Promise((resolve) => setTimeout(resolve, withinMs));
    return this.probers();
  }

  /** Two intervals. */
  get #lookMs(): number {
    const { hasDefaultTimes, intervalMs = INTERVAL_MS } = this.#options;
    return hasDefaultTimes ? DEFAULT_LOOK_MS : 2 * intervalMs;
  }

  /** Waits until each live member tells SERVING of each target that is not sick. */
  async serves(withinMs = 30_000): Promise<void> {
    await this.tells(
      "SERVING",
      this.targets.filter((name) => !this.sick.has(name)),
      withinMs,
    );
  }

  /**
   * Gives the milliseconds since now. Of the processes of the site, one may have waited for a processor: the time of the one
   * that has waited for the longest does not count.
   */
  stopwatch(): () => number {
    const since = performance.now();
    const before = this.#waits();
    return () => {
      const waited = Array.from(this.#waits(), ([pid, ms]) => ms - (before.get(pid) ?? 0));
      return performance.now() - since - Math.max(0, ...waited);
    };
  }

  /** Waits until each live member tells a status of services. Returns the milliseconds of the site that it took. */
  async tells(status: string, services: readonly string[], withinMs: number): Promise<number> {
    const elapsed = this.stopwatch();
    const others = () =>
      this.live.flatMap(({ process }) =>
        services.flatMap((service) => {
          const told = this.recording.status(process, service);
          return told === status ? [] : [`${process} ${service} ${told}`];
        }),
      );
    const patienceMs = Math.max(withinMs, PATIENCE_MS);
    await eventually(() => others().length === 0, `${status} everywhere`, patienceMs).catch(async (error: Error) => {
      const all = others();
      const shown = `${all.slice(0, SHOWN_OTHERS).join(", ")}; ${all.length} in all`;
      throw new Error(`${error.message}: ${shown}\n${await this.#probersOf(all[0]?.split(" ")[1])}\n${this.state()}`);
    });
    const tookMs = elapsed();
    const told = this.live.flatMap(({ process }) => services.map((name) => this.recording.latest(process, name)));
    const last = told.reduce((one, other) => ((other?.at ?? 0) > (one?.at ?? 0) ? other : one), undefined);
    const late = `the last one ${last?.process} ${last?.service}`;
    assert.ok(tookMs < withinMs, `${status} everywhere after ${tookMs} ms, not ${withinMs}: ${late}\n${this.state()}`);
    if (status === "NOT_SERVING")
      for (const name of services) if (this.targets.includes(name)) this.recording.failing.add(name);
    return tookMs;
  }

  /** Waits until each target is probed by as many members as it has copies, all of them live. */
  async settled(withinMs = Math.max(PATIENCE_MS, 3 * this.#lookMs)): Promise<void> {
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

  /** The sum of a metric over all live members. */
  async sum(series: string): Promise<number> {
    const all = await Promise.all(this.live.map((member) => member.metric(series)));
    return all.reduce((total, each) => total + each, 0);
  }

  /** The lines of an event in the logs of all live members. */
  lines(event: string): readonly string[] {
    return this.live.flatMap(({ process, daemon }) =>
      daemon.log.filter((line) => line.event === event).map((line) => `${process}: ${JSON.stringify(line)}`),
    );
  }

  /** What is logged of an event from now on. */
  newLines(event: string): () => readonly string[] {
    const before = new Set(this.lines(event));
    return () => this.lines(event).filter((line) => !before.has(line));
  }

  /** Waits until no live member is detached. */
  async attached(): Promise<void> {
    const areAttached = () => this.live.every((member) => !member.isDetached);
    await eventually(areAttached, "all members are attached").catch((error: Error) => {
      throw new Error(`${error.message}\n${this.state()}`);
    });
  }

  /** Waits until all live members are detached. Returns the milliseconds of the site that it took. */
  async detached(): Promise<number> {
    const elapsed = this.stopwatch();
    await eventually(() => this.live.every((member) => member.isDetached), "all members are detached");
    return elapsed();
  }

  async kill(member: Member): Promise<void> {
    this.recording.ends(member.process);
    await member.daemon.kill();
  }

  /** Ends a member by SIGTERM. What it tells while it drains does not count. Returns the milliseconds of the site that it took. */
  async terminate(member: Member): Promise<number> {
    const elapsed = this.stopwatch();
    this.recording.ends(member.process);
    member.signal("SIGTERM");
    await member.daemon.ended();
    return elapsed();
  }

  /** No healthy target ever left SERVING, and no failing one came back, at no member, and no stream broke. */
  judge(): void {
    const falls = this.recording.falls((service) => this.sick.has(service));
    const now = performance.now().toFixed(0);
    assert.ok(
      falls.length === 0,
      `healthy targets fell, until ${now}:\n${falls.slice(0, SHOWN_OTHERS).join("\n")}\n${this.state()}`,
    );
    assert.deepEqual(this.recording.falseOks, []);
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
    this.store.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** How long the event loop of each process of the site has waited for a processor. */
  #waits(): ReadonlyMap<number, number> {
    const members = this.live.map(({ daemon }) => daemon.process.pid ?? 0);
    return new Map([process.pid, ...this.#helpers, ...members].map((pid) => [pid, waitedMs(pid)]));
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
    const signal = AbortSignal.timeout(ANSWER_MS);
    return fetch(`http://${this.network.addressOf("targets")}:${TARGET_PORT}/-/${path}`, { ...init, signal });
  }
}
