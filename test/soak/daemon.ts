/** The daemon of a soak: its configuration file, and what can be read of it from outside. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonProcess } from "../support/daemon-process.js";
import { readValue } from "../support/exposition.js";
import { type Descriptors, descriptorsOf } from "./descriptors.js";
import type { ScriptedTarget } from "./targets.js";

export const HEARTBEAT_TOKEN = "soak-token";

/** A probe starts at most 1.1 s after the one before, and takes 0.5 s; two failures turn a check. */
const SETTINGS = `defaults: { interval: 1s, timeout: 500ms, edgeInterval: 500ms, unhealthyThreshold: 2 }`;

/** Milliseconds after which a target that is ill must not be SERVING, with the time that a busy machine adds. */
export const DETECTION_MS = 6_000;

/** What the daemon uses. */
export interface Usage {
  readonly watchers: number;
  readonly connections: number;
  readonly descriptors: Descriptors;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

export class SoakDaemon {
  readonly process: DaemonProcess;
  readonly #folder: string;
  /** Lines of the log that stay: those of the start, which have the address. */
  readonly #kept: number;

  readonly #targetPorts: ReadonlySet<number>;

  private constructor(process: DaemonProcess, folder: string, targets: readonly ScriptedTarget[]) {
    this.process = process;
    this.#targetPorts = new Set(targets.map(({ port }) => port));
    this.#folder = folder;
    this.#kept = process.log.length;
  }

  static async start(targets: readonly ScriptedTarget[]): Promise<SoakDaemon> {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-soak-"));
    writeFileSync(join(folder, "soak.yaml"), configuration(targets, 0));
    return new SoakDaemon(await DaemonProcess.serve("-c", join(folder, "soak.yaml")), folder, targets);
  }

  get port(): number {
    return this.process.port;
  }

  /** Replaces the configuration as an editor does: the targets and some more checks, or an invalid file. */
  configure(targets: readonly ScriptedTarget[], more: number | "invalid"): void {
    const file = join(this.#folder, "soak.yaml");
    const text = more === "invalid" ? "checks: [" : configuration(targets, more);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  async usage(): Promise<Usage> {
    const { pid = 0 } = this.process.process;
    const signal = AbortSignal.timeout(10_000);
    const page = await (await fetch(`http://127.0.0.1:${this.port}/metrics`, { signal })).text();
    return {
      watchers: readValue(page, "grpc_health_watchers") ?? -1,
      connections: readValue(page, "grpc_health_connections") ?? -1,
      descriptors: descriptorsOf(pid, this.port, this.#targetPorts),
      heapBytes: readValue(page, "nodejs_heap_size_used_bytes") ?? -1,
      rssBytes: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
    };
  }

  /** Events that must not happen, since the last call. The log is emptied. */
  takeFaults(): readonly string[] {
    const bad = this.process.log.splice(this.#kept).filter(({ event }) => event === "fault" || event === "fatal");
    return bad.map((line) => JSON.stringify(line).slice(0, 2_000));
  }

  async stop(): Promise<void> {
    await this.process.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

function configuration(targets: readonly ScriptedTarget[], more: number): string {
  const url = targets[0]?.url ?? "";
  const extra = Array.from({ length: more }, (_, index) => `  extra-${index}: "${url}"`);
  return [
    'listen: ["127.0.0.1:0"]',
    SETTINGS,
    "checks:",
    ...targets.map(({ name, url: target }) => `  ${name}: "${target}"`),
    ...extra,
    `  beat: { heartbeat: { ttl: 5s, token: "${HEARTBEAT_TOKEN}" } }`,
    `services: { any: { any: [${targets.map(({ name }) => name).join(", ")}] } }`,
    "",
  ].join("\n");
}
