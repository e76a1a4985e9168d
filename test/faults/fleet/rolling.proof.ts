/**
 * A rolling restart of a fleet of three under load: 500 Checks a second and 100 Watches at each member.
 *
 *     client at m1  ----- SERVING ----- SIGTERM -- SERVING, then NOT_SERVING -- the drain delay is over | m1 starts again ----
 *     client at m2  ----- SERVING ---------------------------------------------------------------------- SIGTERM ...
 *
 * The clients of a member go on until its drain delay is over. They come back when `startup` is SERVING.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, type Member } from "./fleet-site.js";
import { MemberLoad } from "./member-load.js";

const CHECKS_PER_SECOND = 500;
const WATCHES = 100;
const DRAIN_DELAY_MS = 5_000;
/** The delay starts when the signal has arrived. */
const LATE_MS = 100;
/** Load between two restarts. */
const CALM_MS = 5_000;

describe("a fleet of three under 500 Checks a second and 100 Watches at each member", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(17, { drainDelay: `${DRAIN_DELAY_MS / 1_000}s`, targets: 100, intervalMs: 4_000 });
  });
  after(() => site.close());

  test("each member is restarted in turn: no wrong answer, and no failed call before the end of its drain", async (context) => {
    const loads = new Map<string, MemberLoad>();
    const finished: MemberLoad[] = [];
    const begin = async (member: Member) => {
      const load = new MemberLoad(member, site.targets);
      await load.started();
      load.begin(CHECKS_PER_SECOND, WATCHES);
      loads.set(member.space, load);
    };
    await Promise.all(site.live.map(begin));
    const since = performance.now();
    for (const space of ["m1", "m2", "m3"]) {
      await pause(CALM_MS);
      const load = loads.get(space);
      assert.ok(load);
      load.drains(DRAIN_DELAY_MS - LATE_MS);
      const ended = site.terminate(site.member(space));
      await pause(DRAIN_DELAY_MS - LATE_MS);
      finished.push(load);
      await load.end();
      await ended;
      await begin(await site.start(space));
    }
    await pause(CALM_MS);
    const lastedS = (performance.now() - since) / 1_000;
    for (const load of loads.values()) {
      finished.push(load);
      await load.end();
    }
    for (const { name, checks, seconds, watched, wrong, failed } of finished) {
      context.diagnostic(`${name}: ${checks} Checks, ${Math.round(checks / seconds)} a second, ${watched} Watches`);
      assert.deepEqual([wrong, failed], [[], []], name);
      assert.equal(watched, WATCHES);
    }
    context.diagnostic(`${Math.round(lastedS)} s`);
    await eventually(() => site.live.length === 3, "all are back");
    await site.settled();
    site.judge();
  });
});
