/** The store of a fleet behind real Sentinels, with a failover that loses writes, and on a real cluster. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import { type FleetStore, StoreError } from "../../../src/fleet/store/store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { storeSuite } from "../../fleet/store/store-suite.js";
import { eventually, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { debian } from "../install.js";
import { accepting, Running, run } from "../peers.js";
import { PASSWORD } from "../real-servers.js";

const RUN = "0123456789abcdef01234567";
const DEADLINE_MS = 1_500;

const folder = mkdtempSync(join(tmpdir(), "fleet-sentinel-"));
const programs: Running[] = [];
const opened: FleetStore[] = [];

after(async () => {
  for (const store of opened) await store.close();
  await Promise.all(programs.map((program) => program.stop()));
  rmSync(folder, { recursive: true });
});

async function open(url: string, fleet: string): Promise<FleetStore> {
  const store = await openStore(parseStoreUrl(url), { fleet, deadlineMs: DEADLINE_MS, clock: systemClock });
  opened.push(store);
  return store;
}

async function start(...args: string[]): Promise<{ port: number; program: Running }> {
  const port = await freePort();
  const dir = join(folder, `${port}`);
  mkdirSync(dir);
  const config = join(dir, "redis.conf"); // Sentinel writes its state into it
  writeFileSync(config, args.join("\n"));
  const more = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", ""];
  const isSentinel = args.some((line) => line.startsWith("sentinel"));
  const program = new Running(debian("redis-server"), [
    config,
    ...more.slice(0, isSentinel ? 6 : 8),
    ...(isSentinel ? ["--sentinel"] : []),
  ]);
  programs.push(program);
  await accepting(port);
  return { port, program };
}

async function admin(port: number, ...args: string[]): Promise<string> {
  const { stdout } = await run(debian("redis-cli", "redis-tools"), ["-p", `${port}`, ...args], {
    REDISCLI_AUTH: PASSWORD,
  });
  return stdout.trim();
}

describe("Redis behind Sentinels", () => {
  const login = [`requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`, "repl-diskless-sync-delay 0"];
  let primary: { port: number; program: Running };
  let replica: { port: number; program: Running };
  let url: string;

  before(async () => {
    primary = await start(...login);
    replica = await start(...login, `replicaof 127.0.0.1 ${primary.port}`);
    const sentinel = () =>
      start(
        `sentinel monitor main 127.0.0.1 ${primary.port} 2`,
        `sentinel auth-pass main ${PASSWORD}`,
        "sentinel down-after-milliseconds main 1000",
        "sentinel failover-timeout main 3000",
      );
    const sentinels = [await sentinel(), await sentinel()];
    const ports = [await freePort(), ...sentinels.map(({ port }) => port)]; // the first one is away
    url = `redis+sentinel://:${PASSWORD}@${ports.map((port) => `127.0.0.1:${port}`).join()}/main`;
    await eventually(
      async () => /master_link_status:up/.test(await admin(replica.port, "INFO", "replication")),
      "the replica follows",
    );
    for (const { port } of sentinels)
      await eventually(async () => {
        const text = await admin(port, "SENTINEL", "MASTER", "main");
        return /num-slaves\n1\n/.test(text) && /num-other-sentinels\n1\n/.test(text);
      }, "each Sentinel knows the replica and the other Sentinel");
  });

  test("a master that no Sentinel knows is an error that names it", async () => {
    const store = await open(url.replace("/main", "/other"), "unknown");
    await assert.rejects(store.beat(RUN, "1"), { code: "unreachable", message: /no Sentinel knows a master "other"/ });
  });

  test("a failover that loses writes: the store goes on with the older data, and tells it", async () => {
    const store = await open(url, "failover");
    await store.beat(RUN, "1");
    await store.write({ run: RUN, head: "h1", cells: new Map([["a", "old"]]) });
    const { position } = await store.read("0-0");
    await eventually(
      async () => (await admin(replica.port, "HGET", `{healthbridge:failover}:cells:${RUN}`, "a")) === "old",
      "the replica has the first write",
    );
    await admin(replica.port, "CONFIG", "SET", "masterauth", "wrong");
    await admin(replica.port, "CLIENT", "KILL", "TYPE", "master");
    await store.write({ run: RUN, head: "h2", cells: new Map([["a", "lost"]]) });
    const { position: later } = await store.read(position);
    await primary.program.stop();
    let heard: Awaited<ReturnType<FleetStore["beat"]>> | undefined;
    await eventually(async () => {
      heard = await store.beat(RUN, "2").catch(expectStoreError);
      return heard !== undefined;
    }, "a beat is taken by the new primary");
    assert.deepEqual(heard, { beats: new Map([[RUN, "1"]]), head: "h1", cellCount: 1 });
    await store.rewrite(RUN, "h2", new Map([["a", "lost"]]));
    await store.write({ run: RUN, head: "h3", cells: new Map([["a", "new"]]) });
    let place = later;
    await eventually(async () => {
      const page = await store.read(place);
      place = page.position;
      return page.entries.some(({ head }) => head === "h3");
    }, "the log of the new primary is followed");
  });
});

describe("a cluster of Redis", () => {
  const nodes: { port: number; program: Running }[] = [];
  let url: string;

  before(async () => {
    for (let index = 0; index < 2; index += 1)
      nodes.push(await start("cluster-enabled yes", `requirepass ${PASSWORD}`, "cluster-node-timeout 2000"));
    const [one, other] = nodes.map(({ port }) => port);
    assert.ok(one !== undefined && other !== undefined);
    await admin(one, "CLUSTER", "ADDSLOTSRANGE", "0", "8191");
    await admin(other, "CLUSTER", "ADDSLOTSRANGE", "8192", "16383");
    for (const port of [one, other])
      await eventually(async () => {
        if (/cluster_state:ok[\s\S]*cluster_known_nodes:2/.test(await admin(port, "CLUSTER", "INFO"))) return true;
        // a handshake that takes longer than the time-out of a node is forgotten
        await admin(one, "CLUSTER", "MEET", "127.0.0.1", `${other}`);
        await pause(1_000);
        return false;
      }, "the cluster is complete");
    url = `redis+cluster://:${PASSWORD}@127.0.0.1:${await freePort()},127.0.0.1:${one}`;
  });

  storeSuite("Redis Cluster", () => ({
    connect: (fleet) => open(url, fleet),
    flush: async () => {
      for (const { port } of nodes) await admin(port, "FLUSHALL");
    },
    pass: pause,
  }));

  test("a slot that moves to another node is followed", async () => {
    const [one, other] = nodes.map(({ port }) => port);
    assert.ok(one !== undefined && other !== undefined);
    const store = await open(url, "moved");
    await store.beat(RUN, "1");
    const slot = await admin(one, "CLUSTER", "KEYSLOT", "{healthbridge:moved}:beats");
    const target = Number(slot) <= 8191 ? other : one;
    const id = await admin(target, "CLUSTER", "MYID");
    for (const port of [one, other]) await admin(port, "FLUSHALL"); // an empty slot moves at once
    for (const port of [target, one, other]) await admin(port, "CLUSTER", "SETSLOT", slot, "NODE", id);
    await eventually(async () => (await store.beat(RUN, "2").catch(expectStoreError)) !== undefined, "a beat is taken");
    assert.equal(await admin(target, "HGET", "{healthbridge:moved}:beats", RUN), "2");
  });
});

function expectStoreError(error: unknown): undefined {
  assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
}
