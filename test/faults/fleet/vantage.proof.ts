/** Rows F15 and F16: members of a fleet lose their way to the targets. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, INTERVAL_MS, STALE_MS } from "./fleet-site.js";

describe("three vantages", () => {
  let site: FleetSite;
  const isolation = { more: 'isolation: { selfCheck: "tcp://10.214.3.4:9000" }' };
  before(async () => {
    site = await FleetSite.open(3, { ...isolation, copies: 3, gateway: true });
  });
  after(() => site.close());

  test("one of them is cut from the targets: no check turns, and all are marked partial [F15]", async () => {
    site.network.cut("m1", "targets");
    const isPartial = () => {
      site.judge();
      return site.live.every(({ process }) =>
        site.targets.every((name) => site.recording.latest(process, name)?.reason === "partial"),
      );
    };
    await eventually(isPartial, "all are partial");
    await pause(STALE_MS);
    assert.ok(isPartial());
    site.judge();
    site.network.heal("m1", "targets");
    await eventually(
      () =>
        site.live.every(({ process }) =>
          site.targets.every((name) => !site.recording.latest(process, name)?.isDegraded),
        ),
      "nothing is degraded",
    );
    site.judge();
  });

  test("two of three are isolated, and know it: they abstain, and the third decides [F16]", async () => {
    for (const space of ["m1", "m2"]) for (const other of ["targets", "gateway"]) site.network.cut(space, other);
    await pause(STALE_MS + 2 * INTERVAL_MS);
    site.judge();
    await site.set("fail", "t1");
    await site.tells("NOT_SERVING", ["t1"], 10_000);
    await site.recover("t1");
    site.network.healAll();
    await site.serves();
    await site.settled();
    site.judge();
  });
});
