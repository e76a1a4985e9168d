/** Row F17: the wall clocks of members are apart, and jump. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { debian } from "../../interop/install.js";
import { pause } from "../../support/eventually.js";
import { FleetSite, LEASE_MS, STALE_MS } from "./fleet-site.js";

describe("three members whose clocks differ", () => {
  let site: FleetSite;
  const folder = mkdtempSync(join(tmpdir(), "hb-clock-"));
  const jumping = join(folder, "time");
  before(async () => {
    writeFileSync(jumping, "+0");
    const library = debian("libfaketime.so.1", "libfaketime", "/usr/lib/*/faketime");
    const under = (...times: string[]) => [
      "env",
      `LD_PRELOAD=${library}`,
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
      "DONT_FAKE_MONOTONIC=1",
      ...times,
    ];
    const times = new Map([
      ["m1", under("FAKETIME=+1h")],
      ["m2", under("FAKETIME=-1h")],
      ["m3", under(`FAKETIME_TIMESTAMP_FILE=${jumping}`, "FAKETIME_CACHE_DURATION=1")],
    ]);
    site = await FleetSite.open(4, { each: (space) => ({ under: times.get(space) ?? [] }) });
  });
  after(async () => {
    await site.close();
    rmSync(folder, { recursive: true });
  });

  test("two hours apart, and one that jumps by a day to and fro: no transition, and failures are told [F17]", async () => {
    for (const time of ["+1d", "-1d", "+10y", "+0"]) {
      writeFileSync(jumping, time);
      await pause(2 * LEASE_MS);
    }
    await pause(STALE_MS);
    site.judge();
    await site.set("fail", "t1", "t3");
    await site.tells("NOT_SERVING", ["t1", "t3"], 10_000);
    await site.recover("t1", "t3");
    await site.settled();
    site.judge();
  });
});
