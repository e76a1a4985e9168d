/** Maintenance of a fleet: an order that is given at any member holds at all of them. Their wall clocks are hours apart. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { debian } from "../../interop/install.js";
import { MAIN } from "../../support/daemon-process.js";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, type Member, PORT } from "./fleet-site.js";
import { RECEIVER_PORT, WebhookReceiver } from "./webhook-receiver.js";

const SITE = 24;
/** The defaults of a fleet. */
const BEAT_MS = 1_000;
const LEASE_MS = 5_000;
/** Of a webhook: one second of delay, and a silent service is asked again each 10 s. */
const TOLD_WITHIN_MS = 20_000;

interface Status {
  readonly daemon: { readonly maintenance?: { readonly untilMs: number } };
  readonly services: readonly { readonly name: string; readonly maintenance?: { readonly reason: string } }[];
}

describe("a fleet of three whose clocks differ, with a webhook and a recovery rule", () => {
  let site: FleetSite;
  const receiver = new WebhookReceiver();
  const folder = mkdtempSync(join(tmpdir(), "hb-maintenance-"));
  const ran = join(folder, "ran");
  const webhook = `{ url: "http://10.214.${SITE}.1:${RECEIVER_PORT}/hook", services: ["t*"], delay: 1s, groupWait: 0s }`;
  const common = [
    "allowExec: true",
    "defaults: { interval: 1s, timeout: 800ms, edgeInterval: 500ms, staleAfter: 20s, unhealthyThreshold: 2, healthyThreshold: 1 }",
    `webhooks: { ops: ${webhook} }`,
    `recovery: { fix: { services: [t1], exec: ["touch", "${ran}"], after: 1s, timeout: 10s, cooldown: 5m } }`,
  ];
  before(async () => {
    const library = debian("libfaketime.so.1", "libfaketime", "/usr/lib/*/faketime");
    const monotonic = ["FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"];
    const under = (time: string) => ["env", `LD_PRELOAD=${library}`, ...monotonic, `FAKETIME=${time}`];
    const clocks = new Map([
      ["m2", under("-7h")],
      ["m3", under("+9h")],
    ]);
    site = await FleetSite.open(SITE, {
      targets: 8,
      hasDefaultTimes: true,
      each: (space) => ({
        under: clocks.get(space) ?? [],
        more: [...common, ...(space === "m2" ? [`stateDir: ${join(folder, space)}`] : [])].join("\n"),
        // another configuration: it has no service t7
        ...(space === "m4" ? { checks: site.checks().split("\n").slice(0, 7).join("\n") } : {}),
      }),
      prepare: () => receiver.listen(`10.214.${SITE}.1`),
    });
  });
  after(async () => {
    receiver.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  /** What the operator reads. */
  async function healthbridge(member: Member, ...args: readonly string[]): Promise<string> {
    const command = [MAIN, ...args, "--control", member.control, "--timeout", "60s"];
    return (await promisify(execFile)(process.execPath, command)).stdout;
  }

  async function holdsAt(member: Member, service: string): Promise<boolean> {
    const { services } = JSON.parse(await healthbridge(member, "status", "--json")) as Status; // its own format
    const isShown = services.some(({ name, maintenance }) => name === service && maintenance !== undefined);
    const isMeasured = (await member.metric(`healthbridge_service_maintenance{service="${service}"}`)) === 1;
    const options = { headers: { accept: "text/html" } };
    const page = await (await fetch(`http://${member.address}:${PORT}/?q=${service}`, options)).text();
    const isOnPage = page.includes("<small>maintenance</small>");
    assert.deepEqual([isMeasured, isOnPage], [isShown, isShown], `${member.space} ${service}`);
    return isShown;
  }

  const holds = (service: string, ...members: readonly Member[]) =>
    Promise.all(members.map((member) => holdsAt(member, service)));
  const all = (value: boolean) => site.live.map(() => value);
  /** What was told of a service: a request that is repeated has the same key. */
  const about = (service: string) => {
    const told = receiver.requests.filter(({ changes }) => changes.some((change) => change.startsWith(`${service} `)));
    const byKey = new Map(
      told.map(({ key, changes }) => [key, changes.find((change) => change.startsWith(`${service} `))]),
    );
    return [...byKey.values()];
  };

  test("an order at each of them holds at all when it is answered: no status changes, and no webhook is sent", async () => {
    const orders = [
      ["m1", "t2"],
      ["m2", "t3"],
      ["m3", "t5"],
    ] as const;
    for (const [space, service] of orders) {
      const told = await healthbridge(site.member(space), "maintenance", service, "--for", "20m", "--reason", "disks");
      assert.match(told, /All live members of the fleet rows know of it\./);
      assert.deepEqual(await holds(service, ...site.live), all(true), service);
    }
    await site.set("fail", "t2", "t3", "t5");
    await site.tells("NOT_SERVING", ["t2", "t3", "t5"], 30_000);
    await pause(TOLD_WITHIN_MS);
    assert.deepEqual(receiver.requests, []);
  });

  test("it ends at all of them when any member is told so: then the outage is told once", async () => {
    for (const [space, service] of [
      ["m3", "t2"],
      ["m1", "t3"],
    ] as const) {
      const told = await healthbridge(site.member(space), "maintenance", service, "--end");
      assert.match(told, /maintenance has ended\nAll live members/);
      assert.deepEqual(await holds(service, ...site.live), all(false), service);
    }
    await eventually(() => about("t2").length > 0 && about("t3").length > 0, "they are told", 2 * TOLD_WITHIN_MS);
    await pause(2 * LEASE_MS);
    assert.deepEqual([about("t2"), about("t3"), about("t5")], [["t2 NOT_SERVING"], ["t3 NOT_SERVING"], []]);
    await site.recover("t2", "t3", "t5");
    await eventually(() => about("t2").length > 1 && about("t3").length > 1, "their ends are told", TOLD_WITHIN_MS);
    assert.deepEqual(about("t5"), []);
  });

  test("it survives the death of the member that took it, and that of another one; one that joins knows it", async () => {
    await healthbridge(site.member("m3"), "maintenance", "t7", "--for", "20m");
    for (const space of ["m3", "m1"]) {
      await site.kill(site.member(space));
      await pause(2 * LEASE_MS);
      assert.deepEqual(await holds("t7", ...site.live), all(true), `${space} is dead`);
      const again = await site.start(space);
      await site.serves(60_000);
      await eventually(() => holdsAt(again, "t7"), "it knows of it");
    }
    const late = await site.start("m4");
    await site.tells("SERVING", site.targets.slice(0, 7), 60_000).catch(() => {});
    assert.equal(await holdsAt(late, "t2"), false);
    assert.equal(await holdsAt(late, "t7"), false, "it has no service t7");
    await healthbridge(late, "maintenance", "t2", "--for", "20m");
    assert.deepEqual(await holds("t2", ...site.live), all(true));
    await site.kill(late);
    await pause(2 * LEASE_MS);
  });

  test("it survives that the store loses everything, and the restart of all members when one has a stateDir", async () => {
    for (let flush = 0; flush < 3; flush += 1) {
      site.redis("FLUSHALL");
      await pause(2 * BEAT_MS);
    }
    await pause(LEASE_MS);
    assert.deepEqual(await holds("t7", ...site.live), all(true));
    const members = [...site.live];
    for (const member of members) await site.kill(member);
    site.redis("FLUSHALL");
    await Promise.all(members.map(({ space }) => site.start(space)));
    await site.serves(60_000);
    await eventually(async () => (await holds("t7", ...site.live)).every(Boolean), "all know it");
    await healthbridge(site.member("m1"), "maintenance", "t7", "--end");
    await healthbridge(site.member("m1"), "maintenance", "t2", "--end");
    await site.kill(site.member("m2"));
    await site.start("m2");
    await site.serves(60_000);
    await pause(2 * LEASE_MS);
    assert.deepEqual(await holds("t7", ...site.live), all(false), "what was ended does not come back");
  });

  test("without the store it holds where it was ordered, and says so; at all members when the store is back", async () => {
    await site.store.kill();
    await site.detached();
    const told = await healthbridge(site.member("m1"), "maintenance", "--for", "20m");
    assert.match(told, /do not know of it yet: m2, m3\./);
    const daemons = async () =>
      Promise.all(
        site.live.map(async (member) => {
          const status = JSON.parse(await healthbridge(member, "status", "--json")) as Status; // its own format
          return status.daemon.maintenance !== undefined;
        }),
      );
    assert.deepEqual(
      await daemons(),
      site.live.map(({ space }) => space === "m1"),
    );
    await site.store.start();
    await site.attached();
    await eventually(async () => (await daemons()).every(Boolean), "all know it");
    assert.deepEqual(
      await Promise.all(site.live.map((member) => member.metric("healthbridge_maintenance"))),
      [1, 1, 1],
    );
  });

  test("meanwhile no member runs a recovery program, and one does when it is over", async () => {
    await site.set("fail", "t1");
    await site.tells("NOT_SERVING", ["t1"], 30_000);
    await pause(TOLD_WITHIN_MS / 2);
    assert.equal(existsSync(ran), false);
    assert.deepEqual(about("t1"), []);
    await healthbridge(site.member("m3"), "maintenance", "--end");
    await eventually(() => existsSync(ran), "the program runs", TOLD_WITHIN_MS);
    await eventually(() => about("t1").length > 0, "the outage is told", 2 * TOLD_WITHIN_MS);
    await site.recover("t1");
    site.judge();
  });
});
