/**
 * Probes one target, and prints the verdict, the growth of the resident memory and the time. `hostile.test.ts` runs it as a
 * child process: TARGET TIMEOUT_MS REFUSING_TARGET.
 */
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";

const [, , target = "", timeoutMs = "0", refusing = ""] = process.argv;
const takesTls = /^(?:tls|https|grpcs|rediss|amqps|flower\+https|postgres\+tls|mysql\+tls):/.test(target);
const open = (url: string) =>
  openTarget(url.replace("+tls:", ":"), systemDeps(), takesTls ? { tls: { verify: false } } : {});
// loads the packages of the scheme, and the code of the probe
const first = open(refusing);
await probe(first).catch(() => {});
first.close();
globalThis.gc?.();
const before = process.memoryUsage.rss();
const prober = open(target);
const startedAt = performance.now();
const { outcome, reason } = await probe(prober, Number(timeoutMs));
const tookMs = Math.round(performance.now() - startedAt);
prober.close();
// the highest value so far, in KiB
const grownBytes = process.resourceUsage().maxRSS * 1024 - before;
process.stdout.write(JSON.stringify({ verdict: `${outcome} ${reason}`, grownBytes, tookMs }));
process.exit(0);
