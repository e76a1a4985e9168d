/** `healthbridge serve` on the measured core, with a configuration of checks, and what it uses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Running } from "../../test/interop/peers.js";
import { eventually, pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { BUILDS, mainOf } from "../measuring/builds.js";
import { runMeasured } from "../measuring/cores.js";
import { cpuMs } from "../measuring/cpu.js";
import type { Figures } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";

const STARTED_WITHIN_MS = 60_000;
const SETTLING_MS = 1_000;
const WINDOW_MS = 4_000;

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/tls/${name}`, import.meta.url));

export interface Daemon {
  readonly program: Running;
  readonly port: number;
}

/** Starts it with the lines of a configuration, and ends it after the measurement. With `isSecure`, clients use TLS. */
export async function withDaemon<Found>(
  lines: readonly string[],
  measure: (daemon: Daemon) => Promise<Found>,
  isSecure = false,
): Promise<Found> {
  const [build] = BUILDS;
  if (build === undefined) throw new Error("there is a build of this checkout");
  const [folder, port] = [mkdtempSync(join(tmpdir(), "healthbridge-bench-")), await freePort()];
  const file = join(folder, "healthbridge.yaml");
  const tls = isSecure ? `tls: { certFile: ${fixture("server.crt")}, keyFile: ${fixture("server.key")} }` : "";
  writeFileSync(file, [`listen: ["127.0.0.1:${port}"]`, tls, ...lines].join("\n"));
  const program = runMeasured(process.execPath, [mainOf(build), "serve", "-c", file, "--log-level", "warn"]);
  try {
    await eventually(() => answers(program, port, isSecure), "it has started", STARTED_WITHIN_MS);
    return await measure({ program, port });
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Whether every check has had a result; over TLS, whether the port is open. */
async function answers(program: Running, port: number, isSecure: boolean): Promise<boolean> {
  if (program.ended) throw new Error(`it has ended: ${program.output.slice(-2_000)}`);
  const scheme = isSecure ? "https" : "http";
  const answer = await fetch(`${scheme}://127.0.0.1:${port}/startupz`).catch((error: Error) => error);
  // the certificate is not trusted here: a handshake is enough
  return answer instanceof Response ? answer.status === 200 : isSecure && !/ECONNREFUSED/.test(String(answer.cause));
}

/** Memory, and CPU a second while no client asks. */
export async function atRest({ program }: Daemon): Promise<Figures> {
  await pause(SETTLING_MS);
  const [startedAt, before] = [performance.now(), cpuMs(program) + childrenMs(program)];
  await pause(WINDOW_MS);
  const used = cpuMs(program) + childrenMs(program) - before;
  return { rssMb: rssMb(program), cpuMs: (used * 1_000) / (performance.now() - startedAt) };
}

const MS_PER_TICK = 10;

/** Milliseconds of CPU of programs that it has started, and that have ended. */
function childrenMs({ process: { pid } }: Running): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * MS_PER_TICK;
}
