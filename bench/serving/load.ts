/**
 * Load: h2load sends one recorded Check over and over, from the other core.
 *
 * A rate is what the two of them did together; CPU per Check is the server's alone, and the figure that bears a machine
 * with other work on it.
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

/** Connections, and Checks in run on each. */
export interface Shape {
  readonly connections: number;
  readonly atOnce: number;
}

/** A load as it stood. */
export interface LoadFigures extends Figures {
  readonly perSecond: number;
  readonly cpuMicros: number;
  /** Of its core the server had: well below 1, it was starved or waited for h2load. */
  readonly coreShare: number;
  readonly rssMb: number;
}

const PATH = "/grpc.health.v1.Health/Check";

/** The recorded request, in a folder for as long as it is needed. */
export class LoadTool {
  readonly #program = debian("h2load", "nghttp2-client");
  readonly #folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));

  constructor() {
    writeFileSync(this.#requestFile, requestFor(SERVICE));
  }

  get #requestFile(): string {
    return join(this.#folder, "check.bin");
  }

  /** Loads a server for so many seconds. Rejects when a request fails. */
  async load({ program, port }: Server, { connections, atOnce }: Shape, seconds: number): Promise<LoadFigures> {
    const sizes = ["-t1", `-c${connections}`, `-m${atOnce}`, `-D${seconds}`];
    const request = ["-d", this.#requestFile, "-H", "content-type:application/grpc", "-H", "te:trailers"];
    const [startedAt, cpuBefore] = [performance.now(), cpuMs(program)];
    const { code, stdout, stderr } = await run(this.#program, [
      ...sizes,
      ...request,
      `http://127.0.0.1:${port}${PATH}`,
    ]);
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

function numbersIn(text: string, pattern: RegExp): readonly [number, number, number, number] {
  const [, one, two, three] = pattern.exec(text) ?? [];
  return [0, Number(one), Number(two), Number(three)];
}
