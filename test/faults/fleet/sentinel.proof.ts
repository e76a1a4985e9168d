/**
 * Rows F12 and F13: a failover of Sentinel that loses writes, and two primaries.
 *
 *     one side    m1       store   (primary)    with a Sentinel
 *     the other   m2, m3   store2  (replica)    with two Sentinels: a majority
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { debian } from "../../interop/install.js";
import { eventually, pause } from "../../support/eventually.js";
import { BEAT_MS, FleetSite, SLACK_MS, STALE_MS } from "./fleet-site.js";
import { REDIS_KEY as KEY, PASSWORD } from "./store-server.js";

const INTERVAL_MS = 2_000;
/** Half of it is the time for all steps of a connection: to a Sentinel, to the primary, and the first call. */
const LEASE_MS = 4_000;
const [STORE, REPLICA, THIRD] = ["10.214.6.2", "10.214.6.4", "10.214.6.5"];

describe("a fleet on a store with Sentinels", () => {
  let site: FleetSite;
  const folder = mkdtempSync(join(tmpdir(), "hb-sentinel-"));

  const startReplica = () =>
    site.spawn("store2", debian("redis-server"), [
      ...["--port", "6379", "--bind", "0.0.0.0", "--save", "", "--dir", folder],
      ...["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--replicaof", `${STORE} 6379`],
      ...["--repl-diskless-sync-delay", "0"],
    ]);

  const startSentinel = (space: string, address: string) => {
    const file = join(folder, `${space}.conf`);
    const lines = [
      ...["port 26379", "bind 0.0.0.0", "protected-mode no", `dir ${folder}`, `sentinel announce-ip ${address}`],
      `sentinel monitor main ${STORE} 6379 2`,
      `sentinel auth-pass main ${PASSWORD}`,
      ...["sentinel down-after-milliseconds main 1000", "sentinel failover-timeout main 3000"],
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    site.spawn(space, debian("redis-sentinel"), [file]);
  };

  before(async () => {
    const sentinels = [STORE, REPLICA, THIRD].map((address) => `${address}:26379`).join(",");
    site = await FleetSite.open(6, {
      // a result counts for 16 s: for a lease until the store is gone, a failover, a lease in which nothing moves, and a takeover
      intervalMs: INTERVAL_MS,
      leaseMs: LEASE_MS,
      store: `redis+sentinel://:${PASSWORD}@${sentinels}/main`,
      prepare: async (made) => {
        made.network.add("store2", 4);
        made.network.add("third", 5);
        site = made;
        made.redis("CONFIG", "SET", "masterauth", PASSWORD);
        startReplica();
        await eventually(() => made.redis("INFO", "replication").includes("state=online"), "the replica follows");
        startSentinel("store", STORE);
        startSentinel("store2", REPLICA);
        startSentinel("third", THIRD);
        const known = () => made.redisOf("third", "-p", "26379", "SENTINEL", "MASTER", "main");
        await eventually(
          () => /num-slaves\s+1\s[\s\S]*num-other-sentinels\s+2\s/.test(known()),
          "the Sentinels know all",
        );
      },
    });
  });
  after(async () => {
    await site.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The votes on a check that a server has, by the keys of their runs. */
  const votesAt = (space: string, check: string) =>
    site
      .redisOf(space, "KEYS", `${KEY}:cells:*`)
      .split("\n")
      .sort()
      .flatMap((key) => {
        const vote = site.redisOf(space, "HGET", key, check);
        return vote === "" ? [] : [`${key} ${vote}`];
      });
  const role = (space: string) => site.redisOf(space, "INFO", "replication").match(/role:(\w+)/)?.[1];
  test("two primaries, each with members: statuses stay true, and the tables converge when they are healed [F13]", async () => {
    const cuts = ["m1", "store"].flatMap((one) =>
      ["m2", "m3", "store2", "third"].map((other) => [one, other] as const),
    );
    for (const [one, other] of cuts) site.network.cut(one, other);
    await eventually(() => role("store2") === "master" && role("store") === "master", "there are two primaries");
    await pause(2 * STALE_MS);
    await site.set("fail", "t1");
    await site.tells("NOT_SERVING", ["t1"], 15_000);
    site.judge();
    site.network.healAll();
    await eventually(() => role("store") === "slave", "the old primary follows the new one");
    await site.attached();
    await site.recover("t1");
    await site.settled();
    site.judge();
  });

  test("a failover that loses the last writes: the store has all votes again, and nothing falls [F12]", async () => {
    site.network.healAll();
    const primaries = () => ["store", "store2"].filter((space) => role(space) === "master");
    await eventually(() => primaries().length === 1, "there is one primary");
    const [primary, replica] = role("store") === "master" ? ["store", "store2"] : ["store2", "store"];
    const follows = () => site.redisOf(replica, "INFO", "replication").includes("master_link_status:up");
    await eventually(follows, "the other server follows it");
    await site.attached();
    await site.settled();
    site.network.cut("store", "store2"); // what is written from now on is lost
    await site.set("fail", "t2");
    await site.tells("NOT_SERVING", ["t2"], 10_000);
    await pause(1_000);
    const lost = votesAt(primary, "t2");
    const kept = votesAt(replica, "t2");
    assert.ok(lost.length > 0 && lost.every((vote) => !kept.includes(vote)), `${lost} / ${kept}`);
    site.redisOf(primary, "SHUTDOWN", "NOSAVE");
    site.network.heal("store", "store2");
    await eventually(() => role(replica) === "master", "the other one is the primary", 60_000);
    await site.attached();
    const elapsed = site.stopwatch();
    const areBack = () => {
      const now = votesAt(replica, "t2");
      return lost.every((vote) => now.includes(vote));
    };
    await eventually(areBack, "the store has the votes again that it had lost");
    const tookMs = elapsed();
    assert.ok(tookMs < 2 * BEAT_MS + SLACK_MS, `${tookMs} ms`);
    await pause(2 * LEASE_MS);
    for (const { process } of site.live) assert.equal(site.recording.status(process, "t2"), "NOT_SERVING");
    await site.recover("t2");
    await site.settled();
    site.judge();
  });
});
