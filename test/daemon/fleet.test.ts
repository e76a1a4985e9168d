/** Daemons as members of one fleet, with a store in memory: what they serve, who probes, reloads, the end, and a store that is away. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { eventually, pause } from "../support/eventually.js";
import { config, LEASE_MS, Member, secret, Target } from "../support/fleet-daemons.js";
import { MemoryStore } from "../support/fleet-memory-store.js";
import { importsIn } from "../support/source/imports.js";
import { tokensOf } from "../support/source/tokens.js";

describe("three members", () => {
  let target: Target;
  before(async () => {
    target = await Target.open();
  });
  after(() => target.close());

  test("serve the same statuses; each check is probed by `copies` of them; a stop hands its checks over", async (t) => {
    const store = new MemoryStore(systemClock);
    const names = Array.from({ length: 9 }, (_, at) => `c${at}`);
    const text = config(names.map((name) => `  ${name}: { target: "${target.url}", copies: 1 }`).join("\n"));
    const members = await Promise.all(["a", "b", "c"].map((name) => Member.start(t, name, store, text)));
    const owners = async () => {
      const counts = members.map((each) => each.metric('healthbridge_fleet_checks{role="owner"}'));
      return (await Promise.all(counts)).map((count) => count ?? -1);
    };
    const isShared = async () => {
      const counts = await owners();
      return counts.reduce((sum, count) => sum + count) === names.length && counts.every((count) => count > 0);
    };
    await eventually(isShared, "each check has one owner, and each member a share");
    for (const member of members)
      for (const name of names) await eventually(async () => (await member.status(name)) === "SERVING", name);
    const [first, ...others] = members;
    const changes = () => others.flatMap((each) => each.lines("transition")).length;
    const before = changes();
    await first?.stop({ drainDelayMs: 0 });
    members.splice(0, 1);
    await eventually(isShared, "the others have its checks");
    assert.equal(changes(), before, "no status has changed");
    for (const member of others)
      await eventually(() => member.lines("fleet-member-left").length === 1, "the log tells who has left");
    assert.ok(others.some((each) => each.lines("fleet-takeover").length > 0));
    const isGone = async (state: string) =>
      (await others[0]?.metric(`healthbridge_fleet_members{state="${state}"}`)) === 0;
    for (const state of ["dead", "leaving"]) await eventually(() => isGone(state), `none is ${state}`, 3 * LEASE_MS);

    target.close();
    for (const member of others)
      for (const name of names) await eventually(async () => (await member.status(name)) === "NOT_SERVING", name);
    const counts = others.map((member) => member.metric("healthbridge_fleet_propagation_seconds_count"));
    assert.ok((await Promise.all(counts)).every((count = 0) => count > 0));
  });
});

describe("instances of a template", () => {
  for (const [kind, address, roles] of [
    ["the name of a machine: shared", hostname(), { owner: 1, local: 0 }],
    ["a loopback address: local, for each member has another one [F20]", "127.0.0.1", { owner: 0, local: 2 }],
    ["an IPv6 loopback address: local [F20]", "::1", { owner: 0, local: 2 }],
    ["a name of loopback: local [F20]", "localhost", { owner: 0, local: 2 }],
  ] as const)
    test(`with ${kind}`, async (t) => {
      const target = await Target.open();
      t.after(() => target.close());
      const file = join(mkdtempSync(join(tmpdir(), "hb-instances-")), "targets.json");
      t.after(() => rmSync(dirname(file), { recursive: true }));
      const hostPort = address.includes(":") ? `[${address}]:${target.port}` : `${address}:${target.port}`;
      writeFileSync(file, JSON.stringify([{ targets: [hostPort] }]));
      const text = config(`  a: { target: "tcp://{address}", instances: { file: ${file} }, copies: 1 }`);
      const store = new MemoryStore(systemClock);
      const members = await Promise.all(["a", "b"].map((name) => Member.start(t, name, store, text)));
      const count = async (role: string) => {
        const series = `healthbridge_fleet_checks{role="${role}"}`;
        const counts = await Promise.all(members.map((member) => member.metric(series)));
        return counts.reduce<number>((sum, each) => sum + (each ?? 0), 0);
      };
      const isSo = async () => (await count("owner")) === roles.owner && (await count("local")) === roles.local;
      await eventually(isSo, `${JSON.stringify(roles)} at both together`);
    });
});

describe("a reload of a member", () => {
  let target: Target;
  before(async () => {
    target = await Target.open();
  });
  after(() => target.close());

  const owned = (member: Member) => member.metric('healthbridge_fleet_checks{role="owner"}');
  const pair = async (t: TestContext, text: string) => {
    const store = new MemoryStore(systemClock);
    return Promise.all([Member.start(t, "a", store, text), Member.start(t, "b", store, text)]);
  };
  const sum = async (members: readonly Member[]) => {
    const counts = await Promise.all(members.map(owned));
    return counts.reduce<number>((total, count) => total + (count ?? 0), 0);
  };

  test("applies copies at once", async (t) => {
    const text = (copies: number) => config(`  a: { target: "${target.url}", copies: ${copies} }`);
    const members = await pair(t, text(1));
    await eventually(async () => (await sum(members)) === 1, "one owner");
    await eventually(async () => (await members[1]?.metric('healthbridge_fleet_members{state="alive"}')) === 2, "two");
    await Promise.all(members.map((member) => member.reload(text(2))));
    await eventually(async () => (await sum(members)) === 2, "two owners");
    for (const member of members) {
      assert.deepEqual(member.lines("restart-needed"), []);
      assert.equal(await member.status("a"), "SERVING");
    }
  });

  test("with a check under another name ends the old one, and probes the new one", async (t) => {
    const text = (name: string) => config(`  ${name}: "${target.url}"`);
    const members = await pair(t, text("old"));
    for (const member of members) await eventually(async () => (await member.status("old")) === "SERVING", "old");
    await Promise.all(members.map((member) => member.reload(text("new"))));
    for (const member of members) {
      await eventually(async () => (await member.status("new")) === "SERVING", "new");
      assert.equal((await member.get("/healthcheck/old")).status, 404);
    }
    await eventually(async () => (await members[0]?.metric("healthbridge_fleet_config_digests")) === 1, "one file");
  });

  test("with another target under the same name probes that one", async (t) => {
    const [up, down] = [await Target.open(), await Target.open()];
    const downPort = down.port;
    down.close();
    const text = (port: number) => config(`  a: { target: "tcp://${hostname()}:${port}", staleAfter: 2s }`);
    const members = await pair(t, text(target.port));
    for (const member of members) await eventually(async () => (await member.status("a")) === "SERVING", "the old one");
    await Promise.all(members.map((member) => member.reload(text(up.port))));
    await eventually(() => up.connections >= 4, "both probe the new one");
    for (const member of members) assert.equal(await member.status("a"), "SERVING");
    await Promise.all(members.map((member) => member.reload(text(downPort))));
    for (const member of members) await eventually(async () => (await member.status("a")) === "NOT_SERVING", "down");
    up.close();
  });

  test("with a shorter `staleAfter` tells the votes of now: no status runs out", async (t) => {
    const text = (staleAfter: string) => config(`  a: { target: "${target.url}", staleAfter: ${staleAfter} }`);
    const members = await pair(t, text("60s"));
    for (const member of members) await eventually(async () => (await member.status("a")) === "SERVING", "first");
    await Promise.all(members.map((member) => member.reload(text("1500ms"))));
    await pause(4_000);
    for (const member of members) {
      assert.equal(await member.status("a"), "SERVING");
      assert.deepEqual(member.lines("transition"), []);
    }
  });

  test("on one member alone: the same check is probed by those that hold the same definition", async (t) => {
    const text = (more: string) => config(`  a: { target: "${target.url}"${more} }`);
    const [first, second] = await pair(t, text(""));
    if (first === undefined || second === undefined) throw new Error("two members");
    await eventually(async () => (await sum([first, second])) === 2, "both probe");
    await second.reload(text(", timeout: 300ms"));
    await eventually(async () => (await first.metric("healthbridge_fleet_config_digests")) === 2, "two files");
    for (const member of [first, second])
      await eventually(async () => (await member.status("a")) === "SERVING" && (await owned(member)) === 1, "each");
  });

  test("that is rejected changes nothing of how checks are shared", async (t) => {
    const text = (more: string) => config(`  a: { target: "${target.url}"${more} }`);
    const members = await pair(t, text(", copies: 1"));
    await eventually(async () => (await members[1]?.metric('healthbridge_fleet_members{state="alive"}')) === 2, "two");
    for (const member of members) await assert.rejects(member.reload(text(", copies: 2, timeout: 3s")), /timeout/);
    await Promise.all(members.map((member) => member.reload(`${text(", copies: 1")}  b: "${target.url}"`)));
    for (const member of members) await eventually(async () => (await member.status("b")) === "SERVING", "b");
    await eventually(async () => (await sum(members)) === 3, "one owner of a, two of b");
  });

  test("names a changed key of the fleet, to restart", async (t) => {
    const text = config(`  a: "${target.url}"`);
    const [member] = await pair(t, text);
    await member?.reload(text.replace("FLEET", "FLEET # the same"));
    assert.deepEqual(member?.lines("restart-needed"), []);
    const other = config(`  a: "${target.url}"`).replace(
      "FLEET",
      `fleet: { name: other, store: "redis://h", secretFile: ${secret} }`,
    );
    await member?.reload(other);
    assert.deepEqual(
      member?.lines("restart-needed").map(({ fields }) => fields.keys),
      [["fleet"]],
    );
  });
});

describe("the end of a member", () => {
  test("reports NOT_SERVING at once, hands over within the drain delay, and closes after it", async (t) => {
    const target = await Target.open();
    t.after(() => target.close());
    const text = config(`  a: { target: "${target.url}", copies: 1 }\n  b: { target: "${target.url}", copies: 1 }`);
    const store = new MemoryStore(systemClock);
    const first = await Member.start(t, "a", store, text);
    await eventually(async () => (await first.status("a")) === "SERVING", "alone");
    const second = await Member.start(t, "b", store, text);
    await eventually(async () => (await second.status("a")) === "SERVING", "the second follows");
    const startedAt = performance.now();
    const stopped = first.stop({ drainDelayMs: 3_000 });
    assert.equal(first.stop(), stopped, "a second call is the same stop");
    assert.equal(await first.status("a"), "NOT_SERVING");
    await eventually(async () => (await second.metric('healthbridge_fleet_checks{role="owner"}')) === 2, "handed over");
    assert.ok(performance.now() - startedAt < 3_000, "before the drain delay is over");
    assert.equal(await first.status("b"), "NOT_SERVING", "it still answers");
    await stopped;
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs >= 2_990 && tookMs < 6_000, `the hand-over is a part of the drain delay: ${tookMs} ms`);
    await assert.rejects(first.get("/livez"));
    assert.equal(await second.status("a"), "SERVING");
    assert.equal(store.cells.size, 1, "its votes are gone");
    const alive = 'healthbridge_fleet_members{state="alive"}';
    await eventually(async () => (await second.metric(alive)) === 1, "the last beat has said it");
    for (const state of ["dead", "leaving"])
      assert.equal(await second.metric(`healthbridge_fleet_members{state="${state}"}`), 0, state);
  });

  test("does not wait for others while the store is away", async (t) => {
    const text = config(`  a: "tcp://${hostname()}:9"`);
    const store = new MemoryStore(systemClock, LEASE_MS / 2);
    const members = await Promise.all(["a", "b"].map((name) => Member.start(t, name, store, text)));
    const [first] = members;
    await eventually(async () => (await first?.metric('healthbridge_fleet_members{state="alive"}')) === 2, "two");
    store.faults.isSilent = true;
    await eventually(async () => (await first?.metric("healthbridge_fleet_detached")) === 1, "detached");
    const startedAt = performance.now();
    await first?.stop({ drainDelayMs: 0 });
    assert.ok(performance.now() - startedAt < 3_000);
  });
});

describe("a start that fails after the member has joined", () => {
  const inUse = createServer();
  const socket = join(mkdtempSync(join(tmpdir(), "hb-fleet-")), "control.sock");
  before(() => new Promise<void>((resolve) => inUse.listen(0, "127.0.0.1", resolve)));
  after(() => {
    inUse.close();
    rmSync(dirname(socket), { recursive: true });
  });
  const rows: readonly (readonly [title: string, file: (text: string) => string])[] = [
    ["its port is in use", (text) => text.replace("127.0.0.1:0", `127.0.0.1:${(inUse.address() as AddressInfo).port}`)],
    ["the folder of its control socket is not there", (text) => `control: ${socket}.missing/x.sock\n${text}`],
    ["its control socket is in use", (text) => `control: ${socket}\n${text}`],
  ];
  for (const [title, file] of rows)
    test(`is told by its last beat, and not as a death: ${title}`, async (t) => {
      const store = new MemoryStore(systemClock);
      const text = config(`  a: "tcp://${hostname()}:9"`);
      const first = await Member.start(t, "a", store, `control: ${socket}\n${text}`);
      await eventually(async () => (await first.metric("healthbridge_fleet_store_up")) === 1, "it has beaten");
      await assert.rejects(Member.open("b", store, file(text)));
      await pause(2 * LEASE_MS);
      assert.deepEqual(first.lines("fleet-member-dead"), []);
      const last = [...store.beats.values()].filter((beat) => beat.includes('"b"'));
      for (const beat of last) assert.match(beat, /"hasLeft":true/);
      assert.equal(await first.metric('healthbridge_fleet_members{state="dead"}'), 0);
    });
});

describe("a store that is away", () => {
  test("at the start: the member serves, and knows every check by its own probes after a lease", async (t) => {
    const target = await Target.open();
    t.after(() => target.close());
    const store = new MemoryStore(systemClock, LEASE_MS / 2);
    store.faults.isAway = true;
    const member = await Member.start(t, "a", store, config(`  a: "${target.url}"\n  down: "tcp://${hostname()}:9"`));
    assert.notEqual(await member.status("startup"), "SERVING");
    await eventually(async () => (await member.status("startup")) === "SERVING", "startup", 10_000);
    assert.deepEqual([await member.status("a"), await member.status("down")], ["SERVING", "NOT_SERVING"]);
    assert.equal(await member.metric("healthbridge_fleet_detached"), 1);
    assert.equal(await member.metric("healthbridge_fleet_store_up"), 0);
    assert.deepEqual(
      member.log.map(({ event }) => event).filter((event) => event.startsWith("fleet-")),
      ["fleet-store-failed", "fleet-detached"],
    );
    store.faults.isAway = false;
    await eventually(async () => (await member.metric("healthbridge_fleet_detached")) === 0, "attached");
    assert.deepEqual(
      member.log
        .map(({ event }) => event)
        .filter((event) => event.startsWith("fleet-"))
        .slice(2),
      ["fleet-store-answers", "fleet-attached"],
    );
  });

  test("for less than a lease changes nothing, and for longer no status", async (t) => {
    const target = await Target.open();
    t.after(() => target.close());
    const store = new MemoryStore(systemClock, LEASE_MS / 2);
    const text = config(`  a: { target: "${target.url}", copies: 1 }\n  b: { target: "${target.url}", copies: 1 }`);
    const members = await Promise.all(["a", "b"].map((name) => Member.start(t, name, store, text)));
    for (const member of members)
      for (const name of ["a", "b"]) await eventually(async () => (await member.status(name)) === "SERVING", name);
    for (const member of members) member.log.length = 0;
    store.faults.isAway = true;
    await pause(LEASE_MS / 2);
    store.faults.isAway = false;
    await pause(LEASE_MS);
    assert.deepEqual(
      members.flatMap(({ log }) => log.map(({ event }) => event)).filter((event) => /transition|tached/.test(event)),
      [],
    );
    store.faults.isAway = true;
    for (const member of members)
      await eventually(async () => (await member.metric('healthbridge_fleet_checks{role="owner"}')) === 2, "all");
    store.faults.isAway = false;
    for (const member of members)
      await eventually(async () => (await member.metric("healthbridge_fleet_detached")) === 0, "attached");
    for (const member of members) {
      assert.deepEqual(member.lines("transition"), []);
      assert.deepEqual([await member.status("a"), await member.status("b")], ["SERVING", "SERVING"]);
    }
  });
});

/** The modules that are loaded with one: what `import()` names is not among them. */
function loadedWith(module: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(module)) return loaded;
  loaded.add(module);
  const source = readFileSync(new URL(`../../src/${module}`, import.meta.url), "utf8");
  for (const { from, kind } of importsIn(tokensOf(source)))
    if (kind === "static" && from.startsWith("."))
      loadedWith(posix.join(posix.dirname(module), from.replace(/\.js$/, ".ts")), loaded);
  return loaded;
}

test("a daemon without a fleet loads nothing of it, but for what reads its keys", () => {
  const ofFleet = /^(?:fleet\/|daemon\/fleet)/;
  assert.deepEqual([...loadedWith("cli/serve.ts")].filter((file) => ofFleet.test(file)).sort(), [
    "fleet/records/vote.ts",
    "fleet/store/store-url.ts",
  ]);
  const withFleet = [...loadedWith("daemon/fleet.ts")];
  assert.ok(withFleet.includes("fleet/fleet.ts"));
  assert.deepEqual(
    withFleet.filter((file) => /(?:redis|postgres|memory)-/.test(file) && ofFleet.test(file)),
    [],
    "the store alone that is named",
  );
});
