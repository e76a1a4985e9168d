/** Rows F1 to F5: members of a fleet die, leave, join and stand still. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { EDGE_MS, FleetSite, LEASE_MS, PORT, PROMISE_MS, SLACK_MS, STALE_MS, TIMEOUT_MS } from "./fleet-site.js";
import { dieTogether, killOne } from "./rows.js";

const SERVING = 1;

describe("a fleet of three", () => {
  let site: FleetSite;
  before(async () => {
    site = await FleetSite.open(1);
  });
  after(() => site.close());

  test("kill -9 of one: its checks are probed by others within the promise, and no healthy target falls [F1]", async () => {
    const tookMs = await killOne(site, "m1");
    assert.ok(tookMs < PROMISE_MS + SLACK_MS, `others probe them after ${tookMs} ms`);
  });

  test("the member that was killed joins again: it gets its share back, and nothing flaps [F4]", async () => {
    const before = await site.owners();
    await site.start("m1");
    await site.serves();
    await site.settled();
    const now = await site.owners();
    // a seat of a third of them moves to the new one: no seat moves between the others
    for (const name of site.targets) {
      const others = (now.get(name) ?? []).filter((each) => each !== "m1");
      assert.ok(
        others.every((each) => before.get(name)?.includes(each)),
        `${name}: ${before.get(name)} -> ${now.get(name)}`,
      );
    }
    const moved = site.targets.filter((name) => now.get(name)?.includes("m1"));
    assert.ok(moved.length > 0 && moved.length < site.targets.length, `${moved}`);
    site.judge();
  });

  test("a target and its only prober die together: all others tell NOT_SERVING within the promise [F2]", async () => {
    const tookMs = await dieTogether(site, "m2");
    assert.ok(tookMs < PROMISE_MS + 2 * (EDGE_MS + TIMEOUT_MS) + SLACK_MS, `NOT_SERVING everywhere after ${tookMs} ms`);
  });

  test("SIGTERM: each check has probes without a gap, and the member leaves when others have voted [F3]", async () => {
    const owners = await site.owners();
    const lost = site.targets.filter((name) => owners.get(name)?.join() === "m3");
    assert.ok(lost.length > 0, "m3 probes something alone");
    await site.forgetHits();
    const leaving = site.member("m3");
    const tookMs = await site.terminate(leaving);
    const probers = await site.probers();
    for (const name of lost)
      assert.ok(
        (probers.get(name) ?? []).some((each) => each !== "m3"),
        `${name} was probed by a successor before the end`,
      );
    assert.ok(tookMs < 5_000 + SLACK_MS, `it has left after ${tookMs} ms`);
    const stayed = site.member("m1");
    await eventually(() => stayed.lines("fleet-member-left") > 0, "m1 knows that it has left");
    assert.equal(
      stayed.daemon.log.filter(({ event, member }) => event === "fleet-member-dead" && member === "m3").length,
      0,
    );
    await site.start("m3");
    await site.serves();
    await site.settled();
    site.judge();
  });

  test("SIGSTOP for longer than staleAfter: no stale SERVING after it, and the member is admitted again [F5]", async () => {
    const stopped = site.member("m1");
    const owners = await site.owners();
    const dying = site.targets.find((name) => owners.get(name)?.join() === "m1") ?? "t0";
    const peer = new GrpcPeer(`http://${stopped.address}:${PORT}`);
    assert.equal((await peer.check(dying)).status, SERVING);
    stopped.signal("SIGSTOP");
    await pause(LEASE_MS);
    await site.set("fail", dying);
    await pause(STALE_MS);
    for (const { process } of site.live.filter((member) => member !== stopped))
      assert.equal(site.recording.status(process, dying), "NOT_SERVING", process);
    // the questions wait in the socket of the member: it reads them before any of its timers runs
    const asked = site.targets.map(async (name) => [name, (await peer.check(name)).status] as const);
    await pause(LEASE_MS / 4);
    const resumedAt = performance.now();
    stopped.signal("SIGCONT");
    const served = (await Promise.all(asked)).filter(([, status]) => status === SERVING);
    peer.close();
    assert.deepEqual(served, [], "no result is young enough for SERVING");
    await site.tells("NOT_SERVING", [dying], 3_000);
    const told = site.recording.told.filter(
      ({ process, service, at }) => process === stopped.process && service === dying && at >= resumedAt,
    );
    assert.ok(
      told.every(({ status }) => status !== "SERVING"),
      JSON.stringify(told),
    );
    await site.recover(dying);
    // what it told of others in its first moment may be UNKNOWN: it had not looked for longer than staleAfter
    await site.serves();
    await site.settled();
    assert.deepEqual(
      site.recording
        .falls((service) => site.sick.has(service))
        .filter((fall) => !fall.startsWith(stopped.process) || fall.includes("NOT_SERVING")),
      [],
    );
  });
});
