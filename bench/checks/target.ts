/**
 * What is probed: an HAProxy that answers by itself, and counts what it was asked and over how many connections.
 *
 * It is the cheapest server available: it uses a small part of its core where a prober uses all of its own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import type { Running } from "../../test/interop/peers.js";
import { freePort } from "../../test/support/free-port.js";
import { runBeside } from "../measuring/cores.js";
import { serving } from "../measuring/serving.js";

/** What the target has seen since it started. */
export interface Seen {
  readonly requests: number;
  readonly connections: number;
}

export class BenchTarget {
  readonly program: Running;
  readonly port: number;
  readonly #countsPort: number;
  readonly #folder: string;

  private constructor(program: Running, folder: string, ports: { readonly port: number; readonly countsPort: number }) {
    this.program = program;
    this.port = ports.port;
    this.#countsPort = ports.countsPort;
    this.#folder = folder;
  }

  static async start(): Promise<BenchTarget> {
    const ports = { port: await freePort(), countsPort: await freePort() };
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
    const file = join(folder, "target.cfg");
    writeFileSync(file, configuration(ports.port, ports.countsPort));
    const target = new BenchTarget(runBeside(debian("haproxy"), ["-db", "-f", file]), folder, ports);
    await serving(target.program, ports.countsPort);
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async seen(): Promise<Seen> {
    const response = await fetch(`http://127.0.0.1:${this.#countsPort}/;csv`);
    const [head = "", ...lines] = (await response.text()).split("\n").map((line) => line.split(","));
    const row = lines.find(([proxy, side]) => proxy === "target" && side === "FRONTEND") ?? [];
    const numberOf = (column: string) => Number(row[head.indexOf(column)]);
    return { requests: numberOf("req_tot"), connections: numberOf("conn_tot") };
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

function configuration(port: number, countsPort: number): string {
  return `
global
  nbthread 1
defaults
  mode http
  timeout client 1h
  timeout http-keep-alive 1h
  timeout http-request 1h
frontend target
  bind 127.0.0.1:${port} backlog 4096
  http-request return status 200 content-type text/plain string OK
frontend counts
  bind 127.0.0.1:${countsPort}
  stats enable
  stats uri /
`;
}
