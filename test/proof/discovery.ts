/**
 * The proof of discovery: its readers, with more tests than in the suite and with Traefik; then abuse, beside an honest subscriber:
 * each kind for xDS, and 9,990 blocking queries over HTTP.
 *
 *     npm run proof -- discovery [readers|xds|http] [--json]
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { abuseXds } from "../discovery/xds-abuse.js";
import type { Arguments } from "./arguments.js";

const EACH_MS = 20_000;
const MAX_P99_MS = 100;
const MAX_RSS_MB = 600;

/** The bound of blocked queries, less some for the honest ones. */
const QUERIES = 9_990;

/** The parts of the proof. */
const PARTS: Readonly<Record<string, (json: boolean) => Promise<boolean>>> = {
  readers: async () => proveReaders(),
  xds: proveXds,
  http: proveHttp,
};

export async function proveDiscovery({ json, words }: Arguments): Promise<boolean> {
  let ok = true;
  for (const [form, prove] of Object.entries(PARTS))
    if (words.length === 0 || words.includes(form)) ok = (await prove(json)) && ok;
  return ok;
}

async function proveXds(json: boolean): Promise<boolean> {
  let ok = true;
  for (const result of await abuseXds(EACH_MS)) {
    const { abuse, p50Ms, p99Ms, flips, rssMb } = result;
    const isOk = p99Ms < MAX_P99_MS && rssMb < MAX_RSS_MB;
    ok &&= isOk;
    const text = `xds, ${abuse}: p50 ${p50Ms} ms, p99 ${p99Ms} ms of ${flips} flips, ${rssMb} MB${isOk ? "" : " (too much)"}`;
    process.stdout.write(`${json ? JSON.stringify({ form: "xds", ...result, ok: isOk }) : text}\n`);
  }
  return ok;
}

function proveReaders(): boolean {
  const traefik = fileURLToPath(new URL("../interop/discovery/http-traefik.proof.ts", import.meta.url));
  const run = (...args: string[]) => {
    const env = { ...process.env, DISCOVERY_PROOF: "1" };
    return spawnSync(process.execPath, ["--import", "tsx", ...args], { stdio: "inherit", env }).status === 0;
  };
  const isSuiteWell = run("test/run.ts", "interop", "interop/discovery");
  return run("--test", traefik) && isSuiteWell;
}

/** The test of the suite, with as many queries as may be blocked. */
async function proveHttp(json: boolean): Promise<boolean> {
  const file = "test/faults/discovery-queries.test.ts";
  const env = { ...process.env, DISCOVERY_QUERIES: String(QUERIES) };
  const { status } = spawnSync(process.execPath, ["--import", "tsx", "--test", file], {
    env,
    stdio: ["ignore", json ? "ignore" : "inherit", "inherit"],
  });
  if (json) process.stdout.write(`${JSON.stringify({ form: "http", ok: status === 0 })}\n`);
  return status === 0;
}
