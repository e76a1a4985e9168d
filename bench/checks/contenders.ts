/**
 * Who is compared: each starts a process that probes the target so many times a second, one core for itself.
 *
 * HAProxy (as Debian has it) and blackbox_exporter make a fresh connection for each probe and know no other way, so their one
 * figure stands beside both of ours.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { debian } from "../../test/interop/install.js";
import type { Running } from "../../test/interop/peers.js";
import { freePort } from "../../test/support/free-port.js";
import { BUILDS } from "../measuring/builds.js";
import { runMeasured } from "../measuring/cores.js";
import { serving } from "../measuring/serving.js";
import { Driver } from "./driver.js";
import { startProber } from "./healthbridge.js";
import type { BenchTarget } from "./target.js";

/** How much is probed. */
export interface Load {
  readonly checks: number;
  readonly intervalMs: number;
}

/** A prober at work. */
export interface Contest {
  readonly program: Running;
  stop(): Promise<void>;
}

/** A prober of the comparison. */
export interface Contender {
  readonly name: string;
  readonly connection: "keep-alive" | "fresh";
  readonly start: (target: BenchTarget, load: Load) => Promise<Contest>;
}

const NODE_GET = fileURLToPath(new URL("node-get-prober.ts", import.meta.url));

/** All of them, in the order of the table. */
export const CONTENDERS: readonly Contender[] = [
  { name: "HAProxy httpchk", connection: "fresh", start: startHaproxy },
  ...BUILDS.flatMap(({ name, folder }): readonly Contender[] => [
    {
      name,
      connection: "keep-alive",
      start: (target, load) => startOurs(target, load, { build: folder, reuse: true }),
    },
    { name, connection: "fresh", start: (target, load) => startOurs(target, load, { build: folder, reuse: false }) },
  ]),
  { name: "blackbox_exporter", connection: "fresh", start: startBlackbox },
  { name: "node http.get", connection: "keep-alive", start: (target, load) => startNode(target, load, "keep-alive") },
  { name: "node http.get", connection: "fresh", start: (target, load) => startNode(target, load, "fresh") },
];

async function startOurs(
  { url }: BenchTarget,
  { checks, intervalMs }: Load,
  options: { readonly build: string; readonly reuse: boolean },
): Promise<Contest> {
  const schedule = { checks, intervalMs, timeoutMs: intervalMs / 2 };
  const program = await startProber({ url, ...schedule, ...options, measuresLag: false });
  return { program, stop: () => program.stop() };
}

async function startNode({ url }: BenchTarget, load: Load, connection: Contender["connection"]): Promise<Contest> {
  const args = [url, String(load.checks), String(load.intervalMs), connection];
  const program = runMeasured(process.execPath, ["--import", "tsx", NODE_GET, ...args]);
  return { program, stop: () => program.stop() };
}

async function startHaproxy({ port }: BenchTarget, { checks, intervalMs }: Load): Promise<Contest> {
  const servers = Array.from({ length: checks }, (_, place) => `  server s${place} 127.0.0.1:${port} check`);
  const configuration = `
global
  nbthread 1
defaults
  mode http
  timeout client 1s
  timeout connect 1s
  timeout server 1s
frontend needed-to-start
  bind 127.0.0.1:${await freePort()}
backend checked
  option httpchk GET /
  default-server inter ${intervalMs}ms fall 3 rise 2
${servers.join("\n")}
`;
  const { file, discard } = configurationFile(configuration);
  const program = runMeasured(debian("haproxy"), ["-db", "-f", file]);
  return { program, stop: () => program.stop().finally(discard) };
}

async function startBlackbox(target: BenchTarget, { checks, intervalMs }: Load): Promise<Contest> {
  const { file, discard } = configurationFile(`
modules:
  http_2xx: { prober: http, timeout: 2s, http: { preferred_ip_protocol: ip4 } }
`);
  const port = await freePort();
  const args = [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"];
  const program = runMeasured(debian("prometheus-blackbox-exporter"), args);
  await serving(program, port);
  const asked = new URL(`http://127.0.0.1:${port}/probe?module=http_2xx`);
  asked.searchParams.set("target", target.url);
  const driver = new Driver(asked, (checks / intervalMs) * 1000);
  const stop = async () => {
    driver.stop();
    await program.stop().finally(discard);
  };
  return { program, stop };
}

function configurationFile(text: string): { readonly file: string; readonly discard: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  const file = join(folder, "configuration");
  writeFileSync(file, text);
  return { file, discard: () => rmSync(folder, { recursive: true }) };
}
