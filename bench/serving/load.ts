/**
 * Load: h2load repeats one recorded Check, from the second core.
 *
 * The rate depends on client and server. The CPU time of a Check depends on the server alone, so it is also valid on a
 * machine with other work.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import { run } from "../../test/interop/peers.js";
import { cpuMs } from "../measuring/cpu.js";
import type { Figures } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";
import { requestFor } from "./ask.js";
import { SERVICE, type Server } from "./server.js";

/** Number of connections, and of concurrent Checks on each. */
export interface Shape {
  readonly connections: number;
  readonly atOnce: number;
}

/** The figures of one load. */
export interface LoadFigures extends Figures {
  readonly perSecond: number;
  readonly cpuMicros: number;
  /** Share of its core that the server used. Far below 1, it waited for the core or for h2load. */
  readonly coreShare: number;
  readonly rssMb: number;
}

const PATH = "/grpc.health.v1.Health/Check";

/** Keeps the recorded request in a temporary folder. */
export class LoadTool {
  readonly #program = debian("h2load", "nghttp2-client");
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));

  constructor() {
    writeFileSync(this.#requestFile, requestFor(SERVICE));
  }

  get #requestFile(): string {
    return join(this.#folder, "check.bin");
  }

  /** Loads a server for some seconds. Rejects when a request fails. */
  load(server: Server, shape: Shape, seconds: number): Promise<LoadFigures> {
    const request = ["-d", this.#requestFile, "-H", "content-type:application/grpc", "-H", "te:trailers"];
    return this.#measure(server, [...sizesOf(shape, seconds), ...request, urlOf(server, PATH)], seconds);
  }

  /** The same with GET over HTTP/1.1: one request at a time on each connection. */
  get(server: Server, path: string, connections: number, seconds: number): Promise<LoadFigures> {
    const sizes = sizesOf({ connections, atOnce: 1 }, seconds);
    return this.#measure(server, [...sizes, "--h1", urlOf(server, path)], seconds);
  }

  async #measure({ program }: Server, args: readonly string[], seconds: number): Promise<LoadFigures> {
    const [startedAt, cpuBefore] = [performance.now(), cpuMs(program)];
    const { code, stdout, stderr } = await run(this.#program, args);
    const cpu = cpuMs(program) - cpuBefore;
    const elapsedMs = performance.now() - startedAt;
    const [, done, succeeded, failed] = numbersIn(stdout, /, (\d+) done, (\d+) succeeded, (\d+) failed,/);
    if (code !== 0 || done === 0 || done !== succeeded || failed !== 0) throw new Error(`h2load: ${stderr}${stdout}`);
    return {
      perSecond: done / seconds,
      cpuMicros: (cpu * 1000) / done,
      coreShare: cpu / elapsedMs,
      rssMb: rssMb(program),
    };
  }

  discard(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

function sizesOf({ connections, atOnce }: Shape, seconds: number): readonly string[] {
  return ["-t1", `-c${connections}`, `-m${atOnce}`, `-D${seconds}`];
}

function urlOf({ port }: Server, path: string): string {
  return `http://127.0.0.1:${port}${path}`;
}

function numbersIn(text: string, pattern: RegExp): readonly [number, number, number, number] {
  const [, one, two, three] = pattern.exec(text) ?? [];
  return [0, Number(one), Number(two), Number(three)];
}
