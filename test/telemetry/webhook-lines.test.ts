/** The lines of the log about webhooks. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type ChannelMessages, publish } from "../../src/core/channels.js";
import { createLog } from "../../src/telemetry/log.js";
import { VirtualClock } from "../support/virtual-clock.js";

type Outcome = ChannelMessages["webhook"]["outcome"];

/** A log, the level and event of its lines, and a message of a webhook. */
function logging(t: TestContext) {
  const clock = new VirtualClock();
  const texts: string[] = [];
  const log = createLog("mine", "debug", { write: (text) => void texts.push(text) }, clock);
  t.after(() => log.close());
  const lines = () => texts.map((text): Readonly<Record<string, unknown>> => JSON.parse(text));
  const tell = (outcome: Outcome, failures = 0, detail?: string) =>
    publish("webhook", { instance: "mine", webhook: "ops", outcome, pending: 3, failures, detail });
  return { clock, lines, tell, events: () => lines().map(({ level, event }) => `${level} ${event}`) };
}

test("a delivery, a rejection and a folded message are lines; what waits, and a webhook that is removed, are not", (t) => {
  const { events, lines, tell } = logging(t);
  tell("queued");
  tell("delivered", 2);
  tell("rejected", 0, "HTTP status 404");
  tell("folded");
  tell("removed");
  assert.deepEqual(events(), ["info webhook-delivered", "error webhook-rejected", "warn webhook-folded"]);
  assert.deepEqual(
    lines().map(({ webhook, pending, failures, detail }) => [webhook, pending, failures, detail]),
    [
      ["ops", 3, 2, undefined],
      ["ops", 3, 0, "HTTP status 404"],
      ["ops", 3, 0, undefined],
    ],
  );
});

test("of requests without success, the 1st, 2nd, 4th, 8th ... in a row are lines", (t) => {
  const { lines, tell } = logging(t);
  for (let failures = 1; failures <= 20; failures += 1) tell("retry", failures, "HTTP status 500");
  assert.deepEqual(
    lines().map(({ event, failures }) => [event, failures]),
    [1, 2, 4, 8, 16].map((failures) => ["webhook-failed", failures]),
  );
});

test("what makes no line does not count for the limit of lines", async (t) => {
  const { clock, events, tell } = logging(t);
  for (let index = 0; index < 20; index += 1) tell("queued");
  for (let failures = 5; failures <= 7; failures += 1) tell("retry", failures, "HTTP status 500");
  tell("rejected", 0, "HTTP status 404");
  await clock.advance(2_000);
  assert.deepEqual(events(), ["error webhook-rejected"]);
});
