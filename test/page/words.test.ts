import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Announcements, announcementOf } from "../../src/page/announcements.js";
import { connectionWords } from "../../src/page/connection-words.js";
import type { LiveStatus } from "../../src/page/statuses.js";
import { VirtualClock } from "../support/virtual-clock.js";

const times = { now: 10_000, knownAt: 4_000, wasLive: true, format: (time: number) => `${time}` };

const status = (text: string, reason = "", degraded = false): LiveStatus => ({
  status: text,
  degraded,
  reason,
  since: "2026-11-27T14:00:00.000Z",
});

describe("what the page says about its connection", () => {
  test("a live connection is current", () => {
    assert.deepEqual(connectionWords({ kind: "live" }, times), { text: "Live", countdown: "", isStale: false });
  });

  test("a lost connection says since when the statuses are old, and when the next attempt is", () => {
    assert.deepEqual(connectionWords({ kind: "lost", code: undefined, retryAt: 11_100 }, times), {
      text: "Connection lost. Statuses are as of 4000.",
      countdown: "Trying again in 2 s.",
      isStale: true,
    });
    assert.ok(connectionWords({ kind: "opening" }, times).isStale);
    assert.ok(connectionWords({ kind: "closed" }, times).isStale);
  });

  test("before the first connection, the statuses of the HTML are not called old", () => {
    assert.ok(!connectionWords({ kind: "opening" }, { ...times, wasLive: false }).isStale);
  });

  test("a refusal says what the server wants", () => {
    const words = (code: number) => connectionWords({ kind: "lost", code, retryAt: 11_000 }, times).text;
    assert.match(words(401), /token/);
    assert.match(words(503), /no more connections/);
    assert.match(words(500), /code 500/);
  });
});

describe("what a screen reader is told", () => {
  test("a change is told in words, with its reason", () => {
    const changes = new Map([
      ["orders", status("NOT_SERVING", "timeout")],
      ["cart", status("SERVING", "", true)],
      ["old", undefined],
    ]);
    assert.equal(
      announcementOf(changes),
      "orders is not serving: no answer within the timeout. cart is degraded. old is removed.",
    );
  });

  test("many changes are told as numbers", () => {
    const changes = new Map(
      Array.from({ length: 500 }, (_, index) => [`s${index}`, status(index < 490 ? "NOT_SERVING" : "UNKNOWN")]),
    );
    assert.equal(announcementOf(changes), "500 services have changed: 490 not serving, 10 unknown.");
  });

  test("the first change is told at once, and then at most one text in 5 s, with the last status of each", async () => {
    const clock = new VirtualClock();
    const said: string[] = [];
    const announcements = new Announcements({ clock, say: (text) => said.push(text) });
    announcements.add("a", status("NOT_SERVING"));
    announcements.add("b", status("NOT_SERVING"));
    announcements.add("b", status("SERVING"));
    assert.deepEqual(said, ["a is not serving."]);
    await clock.advance(5_000);
    assert.deepEqual(said, ["a is not serving.", "b is serving."]);
    await clock.advance(5_000);
    announcements.add("c", status("UNKNOWN"));
    assert.equal(said.length, 3);
  });
});
