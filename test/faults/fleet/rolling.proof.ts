/**
 * A rolling restart of a fleet of three under load: 500 Checks a second and 100 Watches at each member.
 *
 *     clients at m1  ----- SERVING ----- SIGTERM -- SERVING, then NOT_SERVING -- the drain delay is over | m1 starts again ----
 *     clients at m2  ----- SERVING ---------------------------------------------------------------------- SIGTERM ...
 *                    ^^^^^^^^^^^^^ calm: the rate is measured
 *
 * The clients of a member go on until its drain delay is over. They come back when `startup` is SERVING.
 *
 * A machine that has no processor for a member or for its clients has no such rate. The kernel says for how long their event
 * loops could have run, and waited for a processor (schedstat): of the rate, as large a share is not expected.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, type Member } from "./fleet-site.js";
import { type LoadResult, MemberLoad, type Stretch } from "./member-load.js";

const CHECKS_PER_SECOND = 500;
/** Of the rate, while no event loop waits for a processor. */
const MIN_SHARE = 0.8;
const WATCHES = 100;
const DRAIN_DELAY_MS = 5_000;
/** The delay starts when the signal has arrived. */
const LATE_MS = 100;
/** Load between two restarts. */
const CALM_MS = 5_000;

describe("a fleet of three under 500 Checks a second and 100 Watches at each member", () => {
  let site: FleetSite;
  const loads = new Map<string, MemberLoad>();
  before(async () => {
    site = await FleetSite.open(22, { drainDelay: `${DRAIN_DELAY_MS / 1_000}s`, targets: 100, intervalMs: 4_000 });
  });
  after(async () => {
    for (const load of loads.values()) load.close();
    await site.close();
  });

  test("each member is restarted in turn: no wrong answer, and no failed call before the end of its drain", async (context) => {
    const results: (LoadResult & { readonly name: string })[] = [];
    const stretches: (Stretch & { readonly name: string })[] = [];
    const begin = async (member: Member) => {
      const options = { services: site.targets, checksPerSecond: CHECKS_PER_SECOND, watches: WATCHES };
      const load = new MemberLoad(member, options);
      loads.set(member.space, load);
      await load.begin();
    };
    const calm = async () => {
      const marks = await Promise.all([...loads.values()].map(async (load) => [load, await load.mark()] as const));
      await pause(CALM_MS);
      for (const [load, mark] of marks) stretches.push({ name: load.name, ...(await load.since(mark)) });
    };
    const end = async (load: MemberLoad) => void results.push({ name: load.name, ...(await load.end()) });
    await Promise.all(site.live.map(begin));
    for (const space of ["m1", "m2", "m3"]) {
      await calm();
      const load = loads.get(space);
      assert.ok(load);
      await load.drains(DRAIN_DELAY_MS - LATE_MS);
      const ended = site.terminate(site.member(space));
      await pause(DRAIN_DELAY_MS - LATE_MS);
      await end(load);
      await ended;
      await begin(await site.start(space));
    }
    await calm();
    for (const load of loads.values()) await end(load);
    for (const { name, checksPerSecond, waited } of stretches)
      context.diagnostic(
        `${name}: ${Math.round(checksPerSecond)} Checks a second; waits: ${Math.round(100 * waited)} %`,
      );
    for (const { name, answers, watched, wrong, failed } of results) {
      context.diagnostic(`${name}: ${answers} Checks, ${watched} Watches`);
      assert.deepEqual([wrong, failed], [[], []], name);
      assert.equal(watched, WATCHES, name);
    }
    for (const { name, checksPerSecond, waited } of stretches) {
      const expected = MIN_SHARE * (1 - waited) * CHECKS_PER_SECOND;
      assert.ok(checksPerSecond >= expected, `${name}: ${checksPerSecond} Checks a second, and not ${expected}`);
    }
    await eventually(() => site.live.length === 3, "all are back");
    await site.settled();
    site.judge();
  });
});
