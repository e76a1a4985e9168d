/** The proof of discovery: real readers, and each kind of abuse for a while, beside an honest subscriber. */
import { abuseXds } from "../discovery/xds-abuse.js";
import type { Arguments } from "./arguments.js";

const EACH_MS = 20_000;
const MAX_P99_MS = 100;
const MAX_RSS_MB = 600;

/** The forms of discovery that are abused. */
const ABUSED = { xds: abuseXds } as const;

export async function proveDiscovery({ json, words }: Arguments): Promise<boolean> {
  let ok = true;
  for (const [form, abuse] of Object.entries(ABUSED)) {
    if (words.length > 0 && !words.includes(form)) continue;
    for (const result of await abuse(EACH_MS)) {
      const isOk = result.p99Ms < MAX_P99_MS && result.rssMb < MAX_RSS_MB;
      ok &&= isOk;
      const text = `${form}, ${result.abuse}: p99 ${result.p99Ms} ms of ${result.flips} flips, ${result.rssMb} MB`;
      process.stdout.write(
        json ? `${JSON.stringify({ form, ...result, ok: isOk })}\n` : `${text} ${isOk ? "" : "(too much)"}\n`,
      );
    }
  }
  return ok;
}
