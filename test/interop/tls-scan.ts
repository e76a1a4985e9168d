/** Scans of a TLS listener by other projects' programs: sslscan (a second) and testssl.sh (a minute). */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { debian } from "./install.js";

const run = promisify(execFile);

/** What sslscan found. Lists are in the server's order. */
export interface Scan {
  readonly protocols: readonly string[];
  /** With the version of TLS, as are the groups. */
  readonly ciphers: readonly string[];
  readonly groups: readonly string[];
  readonly renegotiates: boolean;
  readonly compresses: boolean;
  readonly heartbleed: boolean;
}

export async function sslscan(port: number): Promise<Scan> {
  const args = ["--xml=-", "--no-colour", `127.0.0.1:${port}`];
  const { stdout } = await run(debian("sslscan"), args, { timeout: 60_000 });
  const elements = (name: string) =>
    [...stdout.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, "g"))].map(([, attributes = ""]) =>
      Object.fromEntries(
        [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]),
      ),
    );
  return {
    protocols: elements("protocol").flatMap(({ type, version, enabled }) =>
      enabled === "1" ? [`${type} ${version}`] : [],
    ),
    ciphers: elements("cipher").map(({ sslversion, cipher }) => `${sslversion} ${cipher}`),
    groups: elements("group").map(({ sslversion, name }) => `${sslversion} ${name}`),
    renegotiates: elements("renegotiation").some(({ supported }) => supported === "1"),
    compresses: elements("compression").some(({ supported }) => supported === "1"),
    heartbleed: elements("heartbleed").some(({ vulnerable }) => vulnerable === "1"),
  };
}

/** One finding of testssl.sh. */
export interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** Every finding of testssl.sh. Those about the certificate say nothing about a listener: it is one of the tests. */
export async function testssl(port: number): Promise<readonly Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-testssl-"));
  try {
    const file = join(folder, "findings.json");
    const args = ["--quiet", "--warnings", "off", "--color", "0", "--jsonfile", file, `127.0.0.1:${port}`];
    // its exit code is the number of findings
    await run(debian("testssl", "testssl.sh"), args, { timeout: 600_000, maxBuffer: 16_000_000 }).catch(() => {});
    // the program writes a list of findings
    const findings = JSON.parse(readFileSync(file, "utf8")) as readonly Finding[];
    return findings.filter(({ id }) => !/^(?:cert|OCSP|DNS_CAA|HTTP|HSTS|HPKP|banner|cookie|scanTime)/i.test(id));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
