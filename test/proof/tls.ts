/**
 * TLS of the server: what scanners find, and certificates that are replaced under load.
 *
 *     npm run proof -- tls [--json]
 */
import { fileURLToPath } from "node:url";
import { type Finding, testssl } from "../interop/tls-scan.js";
import { serverRotation } from "../rotation/server-rotation.js";
import { DaemonProcess } from "../support/daemon-process.js";
import type { Arguments } from "./arguments.js";

const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** The severities of testssl.sh that are no problem. */
const HARMLESS = ["OK", "INFO"];

/** Runs testssl.sh, and 50 swaps in each thread. Returns whether there was no problem. */
export async function proveTls({ json }: Arguments): Promise<boolean> {
  const findings = await scan();
  const problems = findings.filter(({ severity }) => !HARMLESS.includes(severity));
  const rotations = [];
  for (const listenThread of [false, true])
    rotations.push({
      listenThread,
      ...(await serverRotation({ swaps: 50, handshakesPerSecond: 100, tornMs: 2_000, listenThread })),
    });
  const report = { findings: findings.length, problems, rotations };
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
  return findings.length > 100 && problems.length === 0 && rotations.every(({ failures }) => failures.length === 0);
}

async function scan(): Promise<readonly Finding[]> {
  const pair = ["--tls-cert", file("server.crt"), "--tls-key", file("server.key")];
  const daemon = await DaemonProcess.serve("--listen", "127.0.0.1:0", ...pair);
  try {
    return await testssl(daemon.port);
  } finally {
    await daemon.kill();
  }
}

function textOf(report: {
  readonly findings: number;
  readonly problems: readonly Finding[];
  readonly rotations: readonly object[];
}): string {
  const problems = report.problems.map(({ id, severity, finding }) => `  ${severity} ${id}: ${finding}`);
  const rotations = report.rotations.map((rotation) => JSON.stringify(rotation));
  return [`testssl.sh: ${report.findings} findings, ${problems.length} problems`, ...problems, ...rotations, ""].join(
    "\n",
  );
}
