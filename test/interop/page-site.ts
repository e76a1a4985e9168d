/**
 * What the tests of the status page look at: a real `serve`, and targets whose health the test decides.
 *
 *     browser --> FaultProxy --> healthbridge serve --probes every 500 ms--> Targets: 200 or 503
 */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonProcess } from "../support/daemon-process.js";
import { freePort } from "../support/free-port.js";

/** An HTTP server that answers for each path as the test says. */
export class Targets {
  readonly #failing = new Set<string>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const name = decodeURIComponent(request.url?.slice(1) ?? "");
      response.statusCode = this.#failing.has(name) ? 503 : 200;
      response.end();
    });
  }

  static async start(): Promise<Targets> {
    const targets = new Targets();
    targets.#server.listen(0, "127.0.0.1");
    await once(targets.#server, "listening");
    return targets;
  }

  url(name: string): string {
    // a server that listens on TCP has such an address
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${encodeURIComponent(name)}`;
  }

  fail(...names: readonly string[]): void {
    for (const name of names) this.#failing.add(name);
  }

  heal(...names: readonly string[]): void {
    for (const name of names) this.#failing.delete(name);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Probes so often that a change is seen soon, and has patience: a busy machine is no outage of its targets. */
const QUICK = { interval: "500ms", timeout: "450ms", unhealthyThreshold: 2, healthyThreshold: 1, edgeInterval: "500ms" };

/** A daemon that can be killed and started again at the same port. */
export class Site {
  readonly targets: Targets;
  readonly port: number;
  readonly #folder: string;
  #daemon: DaemonProcess | undefined;

  private constructor(targets: Targets, port: number) {
    this.targets = targets;
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "page-site-"));
  }

  /** Starts a daemon with a check for each name, and further keys of the configuration. */
  static async start(names: readonly string[], keys: object = {}): Promise<Site> {
    const site = new Site(await Targets.start(), await freePort());
    site.configure(names, keys);
    try {
      await site.restart();
    } catch (error) {
      await site.stop();
      throw error;
    }
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Writes the configuration; a running daemon reads it again. */
  configure(names: readonly string[], keys: object = {}): void {
    const checks = Object.fromEntries(names.map((name) => [name, { target: this.targets.url(name), ...QUICK }]));
    this.write({ listen: [`127.0.0.1:${this.port}`], checks, ...keys });
  }

  write(configuration: object): void {
    writeFileSync(this.file, JSON.stringify(configuration));
  }

  /** A file beside the configuration. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  get file(): string {
    return this.path("healthbridge.yaml");
  }

  /** Starts the daemon, after its end by SIGKILL if it runs. */
  async restart(): Promise<void> {
    await this.kill();
    this.#daemon = await DaemonProcess.serve("-c", this.file);
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.#daemon?.process.kill(signal);
  }

  async stop(): Promise<void> {
    await this.kill();
    this.targets.close();
    rmSync(this.#folder, { recursive: true });
  }
}
