import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type HistoryFixtureOptions, historyFixture } from "./history-fixture.js";

const MINUTE = 60_000;

function fixture(options: HistoryFixtureOptions = {}) {
  const { clock, registry, services, ask } = historyFixture(options);
  /** An hour: 45 minutes serving, 15 not. */
  const liveAnHour = async () => {
    registry.set("orders", "SERVING");
    await clock.advance(30 * MINUTE);
    services.addLatency("orders", 12.5);
    registry.set("orders", "NOT_SERVING", { reason: "timeout", detail: "secret" });
    await clock.advance(15 * MINUTE);
    registry.set("orders", "SERVING");
    await clock.advance(15 * MINUTE);
  };
  return { clock, registry, services, ask, liveAnHour };
}

describe("/history", () => {
  test("shows uptime, buckets, latencies and transitions of the range", async () => {
    const { ask, liveAnHour } = fixture();
    await liveAnHour();
    const { status, headers, body } = ask("/history/orders?hours=2");
    assert.deepEqual(
      [status, headers["content-type"], headers["cache-control"]],
      [200, "application/json", "no-store"],
    );
    const { buckets, transitions, ...rest } = JSON.parse(body);
    assert.deepEqual(rest, {
      service: "orders",
      from: "2025-12-31T23:00:00.000Z",
      to: "2026-01-01T01:00:00.000Z",
      bucketSeconds: 300,
      uptime: 0.75,
      seconds: { serving: 2_700, notServing: 900, unknown: 0, maintenance: 0, noData: 3_600 },
    });
    assert.equal(buckets.length, 12);
    assert.deepEqual(buckets[6], {
      at: "2026-01-01T00:30:00.000Z",
      seconds: { serving: 0, notServing: 300, unknown: 0, maintenance: 0, noData: 0 },
      latencyMs: { count: 1, min: 12.5, avg: 12.5, max: 12.5, p95: 12.5 },
    });
    assert.deepEqual(
      transitions.map(({ id, to, reason }: Record<string, string>) => [id, to, reason]),
      [
        ["e1-1", "SERVING", undefined],
        ["e1-2", "NOT_SERVING", "timeout"],
        ["e1-3", "SERVING", undefined],
      ],
    );
    assert.ok(!body.includes("secret"));
  });

  test("?from= and ?to= choose a range, as ISO 8601 or as seconds since 1970", async () => {
    const { ask, liveAnHour } = fixture();
    await liveAnHour();
    const at = Date.UTC(2026, 0, 1) / 1_000;
    for (const query of [
      "from=2026-01-01T00:30:00Z&to=2026-01-01T00:45:00Z",
      `from=${at + 1_800}&to=${at + 2_700}`,
      "from=2026-01-01T02:30%2B02:00&to=2026-01-01T00:45:00.000Z",
    ]) {
      const { seconds, transitions } = JSON.parse(ask(`/history/orders?${query}`).body);
      assert.deepEqual(seconds, { serving: 0, notServing: 900, unknown: 0, maintenance: 0, noData: 0 }, query);
      assert.equal(transitions.length, 2);
    }
  });

  test("a service without a past has a range without data, and an unknown one is 404 and not echoed", () => {
    const { ask, registry } = fixture();
    registry.set("new", "UNKNOWN");
    const { uptime, seconds } = JSON.parse(ask("/history/new").body);
    assert.deepEqual([uptime, seconds.noData], [null, 86_400]);
    const { status, body } = ask("/history/forged");
    assert.deepEqual([status, body], [404, "SERVICE_UNKNOWN"]);
    assert.deepEqual([ask("/history").status, ask("/history/readiness").status], [200, 200]);
  });

  test("wrong ranges, names and methods are refused", () => {
    const { ask } = fixture();
    for (const query of [
      ...["hours=0", "hours=2401", "hours=x", "hours=1&hours=2", "hours=1.5", "hours=-1", "hours="],
      ...["from=yesterday", "from=2026-01-01", "from=2026-01-01T00:00", "from=-1", "from=99999999999", "to=1"],
      ...["from=2&to=1", "from=1&to=1", "from=1&hours=2", "from=2026-13-01T00:00:00Z", "from=1e3"],
    ])
      assert.equal(ask(`/history/a?${query}`).status, 400, query);
    assert.equal(ask(`/history/${"x".repeat(201)}`).status, 400);
    assert.deepEqual(
      [ask("/history", { method: "POST" }).status, ask("/history", { method: "HEAD" }).status],
      [405, 200],
    );
  });

  test("needs the token, if there is one", async () => {
    const { ask, liveAnHour } = fixture({ token: "s3cret" });
    await liveAnHour();
    assert.equal(ask("/history/orders").status, 401);
    assert.equal(ask("/history/orders", { authorization: "Bearer s3cret" }).status, 200);
    assert.equal(ask("/history/forged").status, 401, "which names exist is hidden");
  });

  test("a listener thread whose main thread does not answer says so", () => {
    const { ask } = fixture({ isThread: true });
    for (const target of ["/history", "/history/a", "/badge.svg?uptime=24h"])
      assert.deepEqual([ask(target).status, ask(target).body], [503, "STALLED"], target);
    assert.equal(ask("/badge.svg").status, 200);
  });
});

describe("/badge with ?uptime=", () => {
  const message = (body: string) => /<title>(.*)<\/title>/.exec(body)?.[1];

  test("shows the share of the time serving, rounded down", async () => {
    const { clock, registry, ask, liveAnHour } = fixture();
    await liveAnHour();
    for (const range of ["24h", "7d", "30d"])
      assert.equal(message(ask(`/badge/orders.svg?uptime=${range}`).body), `orders ${range}: 75 %`);
    registry.set("other", "SERVING");
    await clock.advance(10 * MINUTE);
    assert.equal(message(ask("/badge/other.svg?uptime=24h").body), "other 24h: 100 %");
    registry.set("other", "NOT_SERVING");
    clock.stall(10);
    registry.set("other", "SERVING");
    assert.equal(message(ask("/badge/other.svg?uptime=24h").body), "other 24h: 99.99 %");
  });

  test("of a service without a past says so, of an unknown one is 404, and of another range is refused", () => {
    const { registry, ask } = fixture();
    registry.set("new", "UNKNOWN");
    assert.equal(message(ask("/badge/new.svg?uptime=7d").body), "new 7d: no data");
    const unknown = ask("/badge/forged.svg?uptime=7d");
    assert.deepEqual([unknown.status, message(unknown.body)], [404, "uptime: no such service"]);
    for (const query of ["uptime=1d", "uptime=", "uptime=24h&uptime=7d", "uptime=__proto__", "uptime=toString"])
      assert.equal(ask(`/badge/new.svg?${query}`).status, 400, query);
  });
});
