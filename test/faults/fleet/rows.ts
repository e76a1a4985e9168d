/** Rows that are run for several stores, sizes and times of a fleet. Each judges the whole life of the site. */
import assert from "node:assert/strict";
import { eventually, pause } from "../../support/eventually.js";
import { BEAT_MS, type FleetSite, LEASE_MS, SLACK_MS } from "./fleet-site.js";

/** What a member probes, without any other one. */
async function probedAlone(site: FleetSite, space: string): Promise<readonly string[]> {
  const owners = await site.owners();
  const names = site.targets.filter((name) => owners.get(name)?.join() === space);
  assert.ok(names.length > 0, `${space} probes something alone`);
  return names;
}

/** F1: kill -9 of one member. Returns the milliseconds until others probe its checks. */
export async function killOne(site: FleetSite, space: string): Promise<number> {
  const lost = await probedAlone(site, space);
  await site.kill(site.member(space));
  await site.forgetHits();
  const elapsed = site.stopwatch();
  await eventually(async () => {
    const probers = await site.probers();
    return lost.every((name) => (probers.get(name) ?? []).length > 0);
  }, "others probe them");
  const tookMs = elapsed();
  await site.settled();
  site.judge();
  return tookMs;
}

/** F2: a target and its only prober die together. Returns the milliseconds until all others tell NOT_SERVING. */
export async function dieTogether(site: FleetSite, space: string): Promise<number> {
  const lost = (await probedAlone(site, space)).slice(0, 1);
  await site.kill(site.member(space));
  await site.set("dead", ...lost);
  const tookMs = await site.tells("NOT_SERVING", lost, 40_000);
  await site.recover(...lost);
  await site.start(space);
  await site.serves();
  await site.settled();
  site.judge();
  return tookMs;
}

/** F8: the store is gone for some time. */
export async function storeGone(site: FleetSite, goneMs: number): Promise<void> {
  await site.store.kill();
  const tookMs = await site.detached();
  assert.ok(tookMs < LEASE_MS + SLACK_MS, `${tookMs} ms`);
  assert.equal(await site.sum("healthbridge_fleet_detached"), site.live.length);
  await pause(goneMs);
  const owners = await site.owners();
  const all = site.live.map(({ space }) => space).sort();
  for (const name of site.targets) assert.deepEqual(owners.get(name), all, name);
  site.judge();
}

/** F10: the store that was gone returns, without what it had stored. */
export async function storeReturns(site: FleetSite): Promise<void> {
  const takeovers = await site.sum("healthbridge_fleet_takeovers_total");
  const deaths = site.newLines("fleet-member-dead");
  await site.store.start();
  await site.attached();
  await site.settled();
  assert.equal(await site.sum("healthbridge_fleet_takeovers_total"), takeovers);
  assert.deepEqual(deaths(), []);
  site.judge();
}

/** F8 and F10: the store is stopped in an orderly way, and returns with all that it had stored: votes of before. */
export async function storeStops(site: FleetSite): Promise<void> {
  await site.set("fail", "t4");
  await site.tells("NOT_SERVING", ["t4"], 10_000);
  const before = site.store.cells();
  await site.store.stop();
  await site.detached();
  await site.recover("t4");
  await site.set("fail", "t1");
  await site.tells("NOT_SERVING", ["t1"], 10_000);
  await storeReturns(site);
  assert.ok(before > 0 && site.store.cells() === before, `${before} votes, then ${site.store.cells()}`);
  for (const { process } of site.live) assert.equal(site.recording.status(process, "t1"), "NOT_SERVING");
  await site.recover("t1");
  site.judge();
}

/** The store does not take or give anything for some time, and lives: as one that is gone. */
export async function storeHangs(site: FleetSite): Promise<void> {
  const release = site.store.hang();
  try {
    const tookMs = await site.detached();
    assert.ok(tookMs < LEASE_MS + BEAT_MS + SLACK_MS, `${tookMs} ms`);
    await site.set("fail", "t2");
    await site.tells("NOT_SERVING", ["t2"], 10_000);
  } finally {
    await release();
  }
  await site.attached();
  await site.recover("t2");
  await site.settled();
  site.judge();
}

/**
 * The log is trimmed beyond what a member has read: it reads the votes themselves. The member is stopped for less than a lease,
 * so that no other member writes anything but the one vote that is trimmed.
 */
export async function logTrimmed(site: FleetSite, space: string, trim: () => void): Promise<void> {
  const late = site.member(space);
  const owners = await site.owners();
  const name = site.targets.find((each) => owners.get(each)?.includes(space) === false) ?? assert.fail("no target");
  const lost = () => late.metric('healthbridge_fleet_resyncs_total{cause="log-lost"');
  const before = await lost();
  const others = site.live.filter((member) => member !== late);
  await site.set("fail", name);
  late.signal("SIGSTOP");
  try {
    const areTold = () => others.every(({ process }) => site.recording.status(process, name) === "NOT_SERVING");
    await eventually(areTold, `the others tell that ${name} fails`);
    trim();
  } finally {
    late.signal("SIGCONT");
  }
  // a beat tells that there is more, and the next one that the log does not have it
  await site.tells("NOT_SERVING", [name], 2 * BEAT_MS + SLACK_MS);
  assert.ok((await lost()) > before, "the votes were read because the log was lost");
  await site.recover(name);
  await site.settled();
  site.judge();
}

/** F11: the store loses records, and goes on. */
export async function storeForgets(site: FleetSite): Promise<void> {
  const deaths = site.newLines("fleet-member-dead");
  const before = site.store.cells();
  assert.ok(before >= site.targets.length, `${before} votes`);
  for (const [name, lose] of site.store.losses()) {
    lose();
    const elapsed = site.stopwatch();
    await eventually(() => site.store.cells() === before, `all votes are back after: ${name}`);
    const tookMs = elapsed();
    assert.ok(tookMs < 2 * BEAT_MS + SLACK_MS, `${name}: ${tookMs} ms`);
  }
  await pause(2 * LEASE_MS);
  assert.deepEqual(deaths(), []);
  await site.settled();
  site.judge();
}

/** F14: one member is cut from the store alone. */
export async function memberCut(site: FleetSite, space: string): Promise<void> {
  const cut = site.member(space);
  site.network.cut(space, "store");
  const isDetached = async () => (await cut.metric("healthbridge_fleet_detached")) === 1;
  const elapsed = site.stopwatch();
  await eventually(isDetached, `${space} is detached`);
  assert.ok(elapsed() < LEASE_MS + SLACK_MS, `${elapsed()} ms`);
  await site.set("fail", "t1");
  await site.tells("NOT_SERVING", ["t1"], 10_000);
  await site.recover("t1");
  site.network.heal(space, "store");
  await site.attached();
  await site.settled();
  site.judge();
}
