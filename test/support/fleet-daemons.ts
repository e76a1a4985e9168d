/** Daemons of this process as members of one fleet, with a store in memory, and a target that they share. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { readConfigText } from "../../src/config/load.js";
import { type LoadedConfig, validateConfig } from "../../src/config/validate.js";
import { type Daemon, startDaemon } from "../../src/daemon/daemon.js";
import type { ShutdownTimes } from "../../src/lifecycle/shutdown.js";
import type { MemoryConnection, MemoryStore } from "./fleet-memory-store.js";

export const BEAT_MS = 200;
export const LEASE_MS = 1_000;

const folder = mkdtempSync(join(tmpdir(), "hb-fleet-"));
after(() => rmSync(folder, { recursive: true }));
export const secret = join(folder, "secret");
writeFileSync(secret, "0123456789abcdef", { mode: 0o600 });

/** A target that all members can reach. Its host is the name of this machine: a loopback address is not shared. */
export class Target {
  readonly #server: Server;
  /** Connections, by the time of each. */
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.connections += 1;
      socket.on("error", () => {}).end();
    });
  }

  static async open(port = 0): Promise<Target> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "0.0.0.0", resolve));
    return new Target(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on TCP
  }

  get url(): string {
    return `tcp://${hostname()}:${this.port}`;
  }

  close(): void {
    this.#server.close();
  }
}

export interface Line {
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class Member {
  readonly name: string;
  readonly log: Line[] = [];
  readonly connection: MemoryConnection;
  #daemon: Daemon | undefined;
  #addresses: readonly string[] = [];

  private constructor(name: string, store: MemoryStore) {
    this.name = name;
    this.connection = store.connect();
  }

  static async start(t: TestContext, name: string, store: MemoryStore, text: string): Promise<Member> {
    const member = await Member.open(name, store, text);
    t.after(() => member.stop({ drainDelayMs: 0 }));
    return member;
  }

  /** Without a test that stops it. */
  static async open(name: string, store: MemoryStore, text: string): Promise<Member> {
    const member = new Member(name, store);
    await member.start(text);
    return member;
  }

  async start(text: string): Promise<void> {
    const write = (_: string, event: string, message: string, fields: object = {}) =>
      void this.log.push({ event, message, fields: { ...fields } });
    this.#daemon = await startDaemon(this.#load(text), {
      ...{ instance: `fleet-${this.name}`, log: { write, close() {} }, environment: {} },
      openFleetStore: async () => this.connection,
    });
    const { addresses } = this.lines("serving")[0]?.fields ?? {};
    if (Array.isArray(addresses)) this.#addresses = addresses.map(String);
  }

  reload(text: string): Promise<void> {
    this.log.length = 0;
    return this.#running.reload(this.#load(text).config);
  }

  stop(times?: ShutdownTimes): Promise<void> {
    return this.#running.stop(times);
  }

  lines(event: string): readonly Line[] {
    return this.log.filter((line) => line.event === event);
  }

  async get(
    path: string,
    accept = "application/json, */*;q=0.5",
  ): Promise<{ readonly status: number; readonly body: string }> {
    const [address] = this.#addresses;
    const response = await fetch(`http://${address}${path}`, { headers: { accept } });
    return { status: response.status, body: await response.text() };
  }

  /** Reports for a heartbeat. */
  async report(check: string, token: string, status: "pass" | "fail" = "pass"): Promise<number> {
    const [address] = this.#addresses;
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`http://${address}/heartbeat/${check}?status=${status}`, { method: "POST", headers })).status;
  }

  async status(service: string): Promise<string> {
    return String(JSON.parse((await this.get(`/healthcheck/${service}`)).body).servingStatus);
  }

  async metric(series: string): Promise<number | undefined> {
    const { body } = await this.get("/metrics");
    const line = body.split("\n").find((each) => each.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  get #running(): Daemon {
    if (this.#daemon === undefined) throw new Error("the daemon has not started");
    return this.#daemon;
  }

  #load(text: string): LoadedConfig {
    const fleet = `fleet: { name: prod, store: "redis://h", secretFile: ${secret}, member: ${this.name}, beat: ${BEAT_MS}ms, lease: ${LEASE_MS}ms, settle: 200ms }`;
    return validateConfig(readConfigText("f.yaml", text.replace("FLEET", fleet), {}));
  }
}

/** A file of a member: `FLEET` stands for its fleet. */
export const config = (checks: string, more = "") =>
  `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\npage: false\nFLEET\n${more}\ndefaults: { interval: 500ms, edgeInterval: 200ms, unhealthyThreshold: 1 }\nchecks:\n${checks}\n`;
