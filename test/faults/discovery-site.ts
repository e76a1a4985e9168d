/**
 * A server of discovery and of gRPC in a process of its own: 10 instances of `orders`, of which one changes every 50 ms, and
 * `calm`, which changes when the parent says so. It prints its port, and then what the parent asks for.
 *
 *     parent --"flip"--> `calm` changes          parent --"stats"--> {"rssMb", "heldMb", "blocked", ..} --> parent
 *
 * It needs `--expose-gc`: what it holds is what a collection leaves.
 */
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { systemClock } from "../../src/core/clock.js";
import { facts, Site } from "../transports/discovery/discovery-fixture.js";
import { serveDiscovery } from "../transports/discovery/discovery-server.js";

const FLAP_MS = 50;

const site = new Site(systemClock, { random: Math.random });
const orders = Array.from({ length: 10 }, (_, at) => facts(`orders/${at}`));
site.set([...orders, facts("calm", { services: ["calm"] })]);
site.registry.set("calm", "SERVING");
const server = await serveDiscovery(site);
const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();

let isFlapping = false;
let flips = 0;
setInterval(() => {
  flips += 1;
  if (isFlapping) site.report(`orders/${flips % 10}`, Math.floor(flips / 10) % 2 === 0 ? "failing" : "passing");
}, FLAP_MS);

let calmFlips = 0;
createInterface(process.stdin).on("line", (line) => {
  if (line === "flap") isFlapping = true;
  else if (line === "rest") isFlapping = false;
  else if (line === "flip") {
    calmFlips += 1;
    site.report("calm", calmFlips % 2 === 0 ? "passing" : "failing");
  } else {
    const rssMb = process.memoryUsage.rss() / 1e6;
    assert.ok(gc, "--expose-gc");
    gc();
    const { heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const numbers = {
      rssMb,
      heldMb: (heapUsed + external) / 1e6,
      blocked: site.routes.blockedQueries,
      loopMs: loop.percentile(99) / 1e6,
      busyMs: performance.eventLoopUtilization().active,
      cpuMs: (user + system) / 1e3,
    };
    process.stdout.write(`${JSON.stringify(numbers)}\n`);
    loop.reset();
  }
});
process.stdout.write(`${server.port}\n`);
process.stdin.on("end", () => process.exit());
