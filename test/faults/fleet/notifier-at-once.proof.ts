/** Row F25 for a webhook without a delay: the member that sends is killed -9 as soon as its request has arrived. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite } from "./fleet-site.js";
import { RECEIVER_PORT, WebhookReceiver } from "./webhook-receiver.js";

const SITE = 24;
const LEASE_MS = 6_000;

describe("a fleet of three with a webhook without delay", () => {
  let site: FleetSite;
  const receiver = new WebhookReceiver();
  before(async () => {
    const url = `http://10.214.${SITE}.1:${RECEIVER_PORT}/hook`;
    site = await FleetSite.open(SITE, {
      more: `webhooks: { ops: { url: "${url}", services: ["t*"], delay: 0s, groupWait: 0s } }`,
      leaseMs: LEASE_MS,
      intervalMs: 2_000, // a result counts for 16 s: longer than it takes to make up for a crash
      prepare: () => receiver.listen(`10.214.${SITE}.1`),
    });
  });
  after(async () => {
    receiver.close();
    await site.close();
  });

  const memberAt = (address: string) =>
    site.live.find((member) => member.address === address) ?? assert.fail(`no member has ${address}`);

  // the member that dies has cast the vote that decides in about a third of them
  for (const target of ["t1", "t2", "t3", "t4"])
    test(`what it has told of ${target} is what the others know: told again with the same key, and not taken back`, async () => {
      receiver.requests.length = 0;
      receiver.hangs = true;
      receiver.onRequest = ({ from }) => {
        receiver.onRequest = () => {};
        memberAt(from).daemon.process.kill("SIGKILL");
      };
      await site.set("fail", target);
      await eventually(() => receiver.requests.length === 1, "a member sends");
      const [first] = receiver.requests;
      assert.ok(first);
      const notifier = memberAt(first.from);
      await site.kill(notifier);
      receiver.hangs = false;
      await eventually(() => receiver.requests.some(({ isAnswered }) => isAnswered), "another member sends");
      await pause(3 * LEASE_MS);
      const told = receiver.requests.map(({ key, changes }) => `${key} ${changes}`);
      // at least once: on a loaded machine two others may send it, with the same key
      assert.deepEqual([...new Set(told)], [`${first.key} ${target} NOT_SERVING`], JSON.stringify(receiver.requests));
      await site.start(notifier.space);
      await site.serves();
      await site.recover(target);
      await eventually(
        () => receiver.requests.some(({ changes }) => changes.includes(`${target} SERVING`)),
        "its end is told",
      );
      await site.settled();
      site.judge();
    });
});
