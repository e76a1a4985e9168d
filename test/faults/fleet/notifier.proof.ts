/** Row F25: the member that sends webhooks, or runs a recovery program, is killed while it does so. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, STALE_MS } from "./fleet-site.js";
import { RECEIVER_PORT, WebhookReceiver } from "./webhook-receiver.js";

const SITE = 15;
/** Longer than a loaded machine lets a member wait: a notifier that loses its lease may tell twice, with the same key. */
const LEASE_MS = 6_000;

describe("a fleet of three with a webhook and a recovery rule", () => {
  let site: FleetSite;
  const receiver = new WebhookReceiver();
  const folder = mkdtempSync(join(tmpdir(), "hb-notifier-"));
  const ran = join(folder, "ran");
  // the program tells who has run it, and takes its time
  const program = `["sh", "-c", "ip -4 -o addr show eth0 >> ${ran}; sleep 4; echo end >> ${ran}.ends"]`;
  // within the delay, the votes that a change follows from reach the other members: the next notifier sees the same
  const more = [
    "allowExec: true",
    `webhooks: { ops: { url: "http://10.214.${SITE}.1:${RECEIVER_PORT}/hook", services: ["t*"], delay: 1s, groupWait: 0s } }`,
    `recovery: { fix: { services: [t1], exec: ${program}, after: 1s, timeout: 10s, cooldown: 5m } }`,
  ].join("\n");
  before(async () => {
    site = await FleetSite.open(SITE, {
      more,
      leaseMs: LEASE_MS,
      intervalMs: 2_000, // a result counts for 16 s: longer than it takes to make up for a crash
      // the receiver listens before a member starts
      prepare: () => receiver.listen(`10.214.${SITE}.1`),
    });
  });
  after(async () => {
    receiver.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  const memberAt = (address: string) =>
    site.live.find((member) => member.address === address) ?? assert.fail(`no member has ${address}`);
  const about = (change: string) => receiver.requests.filter(({ changes }) => changes.includes(change));
  const runs = () => (existsSync(ran) ? (readFileSync(ran, "utf8").match(/10\.214\.\d+\.\d+(?=\/)/g) ?? []) : []);

  test("with all members alive, one change is one request of one member", async () => {
    await site.set("fail", "t2");
    await eventually(() => about("t2 NOT_SERVING").length > 0, "it is told");
    await site.recover("t2");
    await eventually(() => about("t2 SERVING").length > 0, "its end is told");
    await pause(2 * LEASE_MS);
    assert.equal(receiver.requests.length, 2, JSON.stringify(receiver.requests));
    assert.equal(new Set(receiver.requests.map(({ from }) => from)).size, 1);
    site.judge();
  });

  test("the notifier is killed while it sends: another member sends it again with the same key, and once only [F25]", async () => {
    receiver.requests.length = 0;
    receiver.hangs = true;
    await site.set("fail", "t4");
    await eventually(() => receiver.requests.length === 1, "a member sends");
    const [first] = receiver.requests;
    assert.ok(first);
    const notifier = memberAt(first.from);
    await site.kill(notifier);
    receiver.hangs = false;
    await eventually(() => about("t4 NOT_SERVING").some(({ isAnswered }) => isAnswered), "another member sends");
    await pause(3 * LEASE_MS);
    const told = about("t4 NOT_SERVING");
    assert.deepEqual(
      told.map(({ key }) => key),
      [first.key, first.key],
      JSON.stringify(receiver.requests),
    );
    assert.notEqual(told[1]?.from, first.from);
    await site.start(notifier.space);
    await site.serves();
    await site.recover("t4");
    await eventually(() => about("t4 SERVING").length > 0, "its end is told");
    await site.settled();
    await pause(2 * LEASE_MS);
    assert.equal(receiver.requests.length, 3, JSON.stringify(receiver.requests));
    site.judge();
  });

  test("the member that runs a recovery program is killed: no other member runs it again in its cool-down [F25]", async () => {
    await site.set("fail", "t1");
    await eventually(() => runs().length > 0, "a member runs it");
    const [address = ""] = runs();
    const runner = memberAt(address);
    assert.equal(runner.lines("recovery-started"), 1);
    await site.kill(runner);
    await site.settled();
    await pause(STALE_MS);
    await site.start(runner.space);
    await site.settled();
    await pause(STALE_MS);
    for (const { process } of site.live) assert.equal(site.recording.status(process, "t1"), "NOT_SERVING");
    assert.deepEqual(runs(), [address]);
    assert.deepEqual(site.lines("recovery-started"), []);
    await site.recover("t1");
    site.judge();
  });
});
