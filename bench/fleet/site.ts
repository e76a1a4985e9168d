/**
 * What the bench `fleet` starts: targets at an address that is not loopback, a Redis, and daemons that probe the targets.
 *
 * A check of a loopback address would be one of each machine, so an address is added to the loopback interface. Needs root.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import { Running, run, startRedis } from "../../test/interop/peers.js";
import { eventually, pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { BUILDS, mainOf } from "../measuring/builds.js";

/** The number of checks. */
export const CHECKS = Number(process.env.FLEET_CHECKS ?? 30_000);
/** The first third of the targets can fall. */
const [TARGETS, CAN_FALL] = [9, 3];
const START_MS = 240_000;
/** Of the range for benchmarks, RFC 2544. */
const ADDRESS = "198.18.0.1";
/** How a check looks at its target: `http` on a kept connection, `tcp`, the default, with a new one each time. */
export const TARGET = process.env.FLEET_TARGET ?? "tcp";
const WRITES = /cmdstat_(?:hset|hdel|xadd|xtrim|del|set):calls=(\d+)/g;

const PASSES = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const FAILS = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nfail";

export interface Daemon {
  readonly program: Running;
  readonly port: number;
  /** The path of the control socket. */
  readonly control: string;
}

export class FleetSite {
  readonly redis: Running;
  readonly #redisPort: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  readonly #targets: Target[] = [];

  static async start(): Promise<FleetSite> {
    execFileSync(debian("ip", "iproute2"), ["addr", "replace", `${ADDRESS}/32`, "dev", "lo"]);
    const port = await freePort();
    const site = new FleetSite(await startRedis(port), port);
    for (let at = 0; at < TARGETS; at += 1) site.#targets.push(await Target.start());
    return site;
  }

  private constructor(redis: Running, redisPort: number) {
    this.redis = redis;
    this.#redisPort = redisPort;
  }

  async stop(): Promise<void> {
    for (const target of this.#targets) await target.stop();
    await this.redis.stop();
    execFileSync(debian("ip", "iproute2"), ["addr", "del", `${ADDRESS}/32`, "dev", "lo"]);
    rmSync(this.#folder, { recursive: true });
  }

  /** The names of the checks that fall with `fall`. */
  get falling(): readonly string[] {
    const all = Array.from({ length: CHECKS }, (_, index) => index);
    return all.filter((index) => index % TARGETS < CAN_FALL).map((index) => `c${index}`);
  }

  /** A third of all targets fails from now on. */
  async fall(): Promise<void> {
    await Promise.all(this.#targets.slice(0, CAN_FALL).map((target) => target.fall()));
  }

  /** All targets pass again, and the store is empty. */
  async reset(): Promise<void> {
    await Promise.all(this.#targets.slice(0, CAN_FALL).map((target) => target.listen()));
    await this.#redisCli("flushall");
  }

  /** The commands that have changed the store. A beat is one of them. */
  async writes(): Promise<number> {
    const calls = (await this.#redisCli("info", "commandstats")).matchAll(WRITES);
    return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Starts a member; with the name `""`, a daemon without a fleet. It is ready when each check has a result. */
  async daemon(name: string): Promise<Daemon> {
    const port = await freePort();
    const [file, secretFile] = [join(this.#folder, `${name}.yaml`), join(this.#folder, "secret")];
    writeFileSync(secretFile, "a secret of the fleet");
    const store = `redis://127.0.0.1:${this.#redisPort}`;
    const fleet = `fleet: { name: bench, copies: 1, store: "${store}", member: ${name}, secretFile: ${secretFile} }`;
    const checks = Array.from({ length: CHECKS }, (_, index) => {
      // short, with the default interval of 10 s: a configuration has at most 1 MiB
      return ` c${index}: ${TARGET}://${ADDRESS}:${this.#targets[index % TARGETS]?.port}`;
    });
    const control = join(this.#folder, `${name}.sock`);
    const lines = [
      `control: ${control}`,
      `listen: ["127.0.0.1:${port}"]`,
      ...(name === "" ? [] : [fleet]),
      "checks:",
      ...checks,
    ];
    writeFileSync(file, lines.join("\n"));
    const [build] = BUILDS;
    if (build === undefined) throw new Error("there is a build of this checkout");
    const program = new Running(process.execPath, [mainOf(build), "serve", "-c", file, "--log-level", "warn"]);
    const isStarted = async () => {
      if (program.ended) throw new Error(`it has ended: ${program.output.slice(-2_000)}`);
      const answer = await fetch(`http://127.0.0.1:${port}/startupz`).catch(() => undefined);
      return answer?.status === 200;
    };
    await eventually(() => pause(100).then(isStarted), `${name} has started`, START_MS);
    return { program, port, control };
  }

  async #redisCli(...args: readonly string[]): Promise<string> {
    return (await run(debian("redis-cli", "redis-tools"), ["-p", `${this.#redisPort}`, ...args])).stdout;
  }
}

/** An HTTP server that gives the answer that was set, or a TCP server that ends each connection. Its port stays the same. */
class Target {
  readonly #server = createServer((socket) => {
    socket.on("error", () => {});
    if (TARGET === "tcp") socket.destroy();
    else socket.on("data", () => socket.write(this.#isFalling ? FAILS : PASSES)); // a prober sends one request at a time
  });
  #port = 0;
  #isFalling = false;

  static async start(): Promise<Target> {
    const target = new Target();
    await target.listen();
    return target;
  }

  get port(): number {
    return this.#port;
  }

  async listen(): Promise<void> {
    this.#isFalling = false;
    if (this.#server.listening) return;
    this.#server.listen({ port: this.#port, host: ADDRESS, backlog: 4_096 });
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** From now on, HTTP is answered with 503, and TCP refused. */
  async fall(): Promise<void> {
    this.#isFalling = true;
    if (TARGET === "tcp") await this.stop();
  }

  /** Resolves when it accepts no more. Connections that are open end with the daemons. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}
