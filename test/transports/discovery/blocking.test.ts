/** When a query of Consul's API is answered at once, and when it waits. In brackets: the case of Consul's own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../../support/eventually.js";
import { facts, indexOf, NOT_KNOWN, Site, siteOf, turns } from "./discovery-fixture.js";

const ORDERS = "/v1/health/service/orders";

function ordersOf(options: Parameters<typeof siteOf>[0] = {}) {
  const site = siteOf(options);
  site.set([facts("a"), facts("b"), facts("p", { services: ["payments"] })]);
  const index = indexOf(site.get(ORDERS));
  /** Asks with our index. */
  const wait = (rest = "", path = ORDERS) => site.ask(`${path}?index=${indexOf(site.get(path))}${rest}`);
  return { site, index, wait, turn: site.turn, clock: site.clock };
}

describe("a query is answered at once", () => {
  test("without an index [XD16]", () => {
    assert.equal(ordersOf().site.get(ORDERS).status, 200);
  });

  test("with index 0, and the index of the answer is above 0 [XD18]", () => {
    const { site } = ordersOf();
    assert.ok(indexOf(site.get(`${ORDERS}?index=0`)) > 0);
    assert.ok(indexOf(site.get("/v1/health/service/nothing?index=0")) > 0);
    assert.ok(indexOf(siteOf().get("/v1/catalog/services?index=0")) > 0, "an empty catalog");
  });

  test("with an index below ours, which is our latest", () => {
    const { site, index } = ordersOf();
    assert.equal(indexOf(site.get(`${ORDERS}?index=${index - 1}`)), index);
  });

  for (const beyond of [1, 1_000_000, 2 ** 53])
    test(`with an index ${beyond} beyond ours: another replica or another process has told it [XD24]`, () => {
      const { site, index } = ordersOf();
      assert.equal(indexOf(site.get(`${ORDERS}?index=${index + beyond}`)), index);
    });

  test("with the largest index of 64 bits", () => {
    assert.equal(ordersOf().site.get(`${ORDERS}?index=${2n ** 64n - 1n}`).status, 200);
  });

  test("after a restart: no index of the process before is used again", async () => {
    const { turn, site, clock } = ordersOf();
    for (let change = 0; change < 40; change += 1) await turn("a", change % 2 === 0 ? "failing" : "passing");
    const before = indexOf(site.get(ORDERS));
    const restarted = new Site(clock);
    restarted.set([facts("a")]);
    assert.ok(indexOf(restarted.get(ORDERS)) > before);
    assert.equal(restarted.get(`${ORDERS}?index=${before}`).status, 200);
  });
});

describe("a query with our index waits", () => {
  test("until its service changes [XD17]", async () => {
    const { wait, turn, index } = ordersOf();
    const asked = wait();
    await turns();
    assert.equal(asked.answer(), undefined);
    await turn("a", "failing");
    assert.equal(asked.answer()?.status, 200);
    assert.ok(indexOf(asked.answer()) > index);
    assert.match(asked.answer()?.body ?? "", /"critical"/);
  });

  test("and a change of another service does not wake it", async () => {
    const { wait, turn } = ordersOf();
    const asked = wait();
    await turn("p", "failing");
    assert.equal(asked.answer(), undefined);
    await turn("b", "warning");
    assert.equal(asked.answer()?.status, 200);
  });

  test("until its time is over, with the same index and the same list [XD23]", async () => {
    const { wait, clock, index } = ordersOf();
    const asked = wait("&wait=60s");
    await clock.advance(59_999);
    assert.equal(asked.answer(), undefined);
    await clock.advance(1);
    assert.equal(indexOf(asked.answer()), index);
    assert.equal(JSON.parse(asked.answer()?.body ?? "").length, 2);
  });

  for (const [wait, ms] of [
    ["", 300_000],
    ["&wait=", 300_000],
    ["&wait=0", 300_000],
    ["&wait=-5s", 300_000],
    ["&wait=1h", 600_000],
    ["&wait=1m30s", 90_000],
    ["&wait=1.5s", 1_500],
    ["&wait=120000ms", 120_000],
    ["&wait=500us", 0.5],
  ] as const)
    test(`for ${ms} ms with "${wait}", and a sixteenth more at most [XD23]`, async () => {
      for (const [random, factor] of [
        [0, 1],
        [0.5, 33 / 32],
        [0.999_999, 1.062_499_9],
      ] as const) {
        const { wait: ask, clock } = ordersOf({ random: () => random });
        const asked = ask(wait);
        await clock.advance(ms * factor - 0.1);
        assert.equal(asked.answer(), undefined);
        await clock.advance(0.2);
        assert.equal(asked.answer()?.status, 200);
      }
    });

  test("for an unknown service, and wakes when it appears [XD22]", async () => {
    const { site } = ordersOf();
    const first = site.get("/v1/health/service/billing");
    assert.equal(first.body, "[]\n");
    const asked = site.ask(`/v1/health/service/billing?index=${indexOf(first)}`);
    await turns();
    assert.equal(asked.answer(), undefined);
    site.set([facts("a"), facts("new", { services: ["billing"] })]);
    await turns();
    assert.equal(JSON.parse(asked.answer()?.body ?? "").length, 1);
    assert.ok(indexOf(asked.answer()) > indexOf(first));
  });

  test("for an unknown service while others change [XD20]", async () => {
    const { site, turn } = ordersOf();
    const asked = site.ask(`/v1/health/service/billing?index=${indexOf(site.get("/v1/health/service/billing"))}`);
    await turn("a", "failing");
    assert.equal(asked.answer(), undefined);
  });

  test("until its service is removed [XD21]", async () => {
    const { site, wait, index } = ordersOf();
    const asked = wait();
    site.set([facts("p", { services: ["payments"] })]);
    await turns();
    assert.equal(asked.answer()?.body, "[]\n");
    assert.ok(indexOf(asked.answer()) > index);
  });

  test("and is woken by a change that its view does not show, as in Consul", async () => {
    const { site, turn } = ordersOf();
    await turn("b", "failing");
    const path = `${ORDERS}?passing`;
    const asked = site.ask(`${path}&index=${indexOf(site.get(path))}`);
    await turn("b", "pending");
    assert.equal(asked.answer()?.body, site.get(path).body);
  });

  test("for the names of services, which a status does not wake", async () => {
    const { site, wait, turn } = ordersOf();
    const asked = wait("", "/v1/catalog/services");
    await turn("a", "failing");
    assert.equal(asked.answer(), undefined);
    site.set([facts("a", { tags: ["blue"] }), facts("b"), facts("p", { services: ["payments"] })]);
    await turns();
    assert.equal(asked.answer()?.body, '{"orders":["blue"],"payments":[]}\n');
  });

  for (const path of ["/v1/health/state/any", "/v1/instances", "/prometheus/sd"])
    test(`for all services at ${path}, which any change wakes`, async () => {
      const { site, turn } = ordersOf();
      const { headers } = site.get(path);
      const index = headers["x-consul-index"] ?? headers["x-healthbridge-index"];
      const asked = site.ask(`${path}?index=${index}`);
      await turns();
      assert.equal(asked.answer(), undefined);
      await turn("p", "failing");
      assert.equal(asked.answer()?.status, 200);
    });
});

describe("a list that is not known", () => {
  test("is 503 at once, also for a query that would wait", () => {
    const site = siteOf();
    site.set([facts("a")], "pending");
    const { status, body, headers } = site.get(ORDERS);
    assert.equal(status, 503);
    assert.match(body, NOT_KNOWN);
    assert.equal(headers["retry-after"], "5");
    const { index = 0 } = site.catalog.service("orders") ?? {};
    assert.equal(site.get(`${ORDERS}?index=${index}`).status, 503);
  });

  test("keeps a query that waits, and is 503 when the time is over", async () => {
    const { site, wait, turn, clock, index } = ordersOf();
    const asked = wait("&wait=1m");
    await turn("a", "pending");
    await turn("b", "pending");
    assert.equal(asked.answer()?.status, 200, "b still has a state at the first change");
    assert.equal(site.get(`${ORDERS}?index=${index}`).status, 503);
    const payments = wait("&wait=1m", "/v1/health/service/payments");
    await turn("p", "pending");
    assert.equal(payments.answer(), undefined);
    await clock.advance(60_000);
    assert.equal(payments.answer()?.status, 503);
  });

  test("answers a query that waits when it is known again", async () => {
    const { wait, turn } = ordersOf();
    const asked = wait("", "/v1/health/service/payments");
    await turn("p", "pending");
    assert.equal(asked.answer(), undefined);
    await turn("p", "failing");
    assert.equal(asked.answer()?.status, 200);
    assert.match(asked.answer()?.body ?? "", /"critical"/);
  });

  for (const path of [`${ORDERS}?passing`, "/v1/health/state/any", "/v1/instances/orders", "/prometheus/sd"])
    test(`that becomes so while a long list waits for its rendering is 503: ${path}`, async () => {
      const site = siteOf();
      const many = Array.from({ length: 101 }, (_, at) => facts(`a${at}`));
      site.set(many);
      const asked = site.ask(path);
      for (const { check } of many) site.report(check, "pending");
      site.catalog.refresh();
      await eventually(() => asked.answer() !== undefined, "an answer");
      assert.equal(asked.answer()?.status, 503);
    });

  test("of names answers a query that waits when no source is awaited any more, also where no instance has changed", async () => {
    const site = siteOf();
    site.set([facts("a")]);
    const asked = site.ask(`/v1/catalog/services?index=${indexOf(site.get("/v1/catalog/services"))}`);
    const both = [facts("a"), facts("p", { services: ["payments"] })];
    site.set(both, "passing", ["orders"]);
    await turns();
    assert.equal(asked.answer(), undefined, "the source of orders is another one, which has not answered");
    site.set(both);
    await turns();
    assert.match(asked.answer()?.body ?? "", /payments/);
  });

  test("of one service makes the lists over all services unknown, and no list of another service", () => {
    const site = siteOf();
    site.set([facts("a"), facts("p", { services: ["payments"] })]);
    site.set([facts("a"), facts("p", { services: ["payments"] })], "passing", ["billing"]);
    for (const path of ["/v1/health/state/any", "/v1/instances", "/prometheus/sd", "/v1/catalog/services"])
      assert.equal(site.get(path).status, 503, path);
    assert.equal(site.get(ORDERS).status, 200);
    site.set([facts("a"), facts("p", { services: ["payments"] })]);
    for (const path of ["/v1/health/state/any", "/v1/instances", "/prometheus/sd", "/v1/catalog/services"])
      assert.equal(site.get(path).status, 200, path);
  });
});

describe("the bounds of blocked queries", () => {
  test("a client that goes away frees its slot, and its timer", () => {
    const { site, wait, clock } = ordersOf();
    const timers = clock.pendingTimers;
    const asked = wait();
    assert.equal(site.routes.blockedQueries, 1);
    asked.leave();
    asked.leave();
    assert.equal(site.routes.blockedQueries, 0);
    assert.equal(clock.pendingTimers, timers);
  });

  test("10,000 are blocked, one more is 429, and there is room again when one has gone", () => {
    const { site, wait } = ordersOf();
    const first = wait();
    for (let count = 1; count < 10_000; count += 1) wait();
    const { status, headers } = site.get(`${ORDERS}?index=${indexOf(site.get(ORDERS))}`);
    assert.equal(status, 429);
    assert.equal(headers["retry-after"], "5");
    first.leave();
    assert.equal(wait().answer(), undefined);
  });

  test("one connection of HTTP/2 has 100 of them, and others have theirs", () => {
    const { site, index } = ordersOf();
    const connection = {};
    const ask = (more: object) => site.ask(`${ORDERS}?index=${index}`, more).answer()?.status;
    for (let count = 0; count < 100; count += 1) assert.equal(ask({ connection }), undefined);
    assert.equal(ask({ connection }), 429);
    assert.equal(ask({ connection: {} }), undefined);
  });

  const ends: Readonly<Record<string, (site: ReturnType<typeof ordersOf>["site"]) => Promise<unknown>>> = {
    "a change": async (site) => {
      site.report("a", "failing");
      await site.clock.advance(20);
    },
    "the time that is over": (site) => site.clock.advance(60_000),
    "the end of the server": async (site) => site.routes.end(),
  };
  for (const [name, end] of Object.entries(ends))
    test(`${name} answers at most 8 in a step, and a query without an index is not held up`, async () => {
      const { site, wait } = ordersOf();
      const asked = Array.from({ length: 300 }, () => wait("&wait=60s"));
      const answered = () => asked.filter(({ answer }) => answer() !== undefined).length;
      await end(site);
      const counts: number[] = [0];
      while (answered() < 300) {
        counts.push(answered());
        if (!site.routes.draining) assert.equal(site.get(ORDERS).status, 200);
        await turns(1);
      }
      counts.push(300);
      const steps = counts.slice(1).map((count, at) => count - (counts[at] ?? 0));
      assert.ok(Math.max(...steps) <= 8, steps.join());
      assert.equal(site.routes.blockedQueries, 0);
    });

  test("10,000 have one timer of the clock", () => {
    const { site, wait } = ordersOf();
    for (let count = 0; count < 10_000; count += 1) wait();
    assert.equal(site.clock.pendingTimers, 1);
  });
});

describe("clients that ask again at once, for a service that flaps", () => {
  /** Each answer takes a millisecond. */
  function crowded() {
    const { site, index } = ordersOf();
    const asked = Array.from({ length: 40 }, () => site.ask(`${ORDERS}?index=${index}`, {}, () => site.clock.stall(1)));
    /** Changes instances in this step. */
    const change = (...drained: readonly string[]) => {
      site.registry.setDrained(new Set(drained));
      site.catalog.refresh();
    };
    return { site, index, change, asked };
  }

  test("join the next pass, after a rest that is as long as the pass has taken", async () => {
    const { site, index, change, asked } = crowded();
    change("a");
    await eventually(() => asked.every(({ answer }) => answer() !== undefined), "the pass");
    const again = site.ask(`${ORDERS}?index=${index}`);
    await turns();
    assert.equal(again.answer(), undefined, "its index is old, but the line rests");
    await site.clock.advance(39);
    assert.equal(again.answer(), undefined);
    await site.clock.advance(2);
    await turns();
    assert.equal(again.answer()?.status, 200);
    assert.equal(site.get(`${ORDERS}?index=${index}`).status, 200, "the line is idle again: at once");
  });

  test("do not hold up those who ask about another service, or without an index", async () => {
    const { site, index, change, asked } = crowded();
    const payments = "/v1/health/service/payments";
    const calm = site.ask(`${payments}?index=${indexOf(site.get(payments))}`);
    change("a", "p");
    for (let count = 0; calm.answer() === undefined; count += 1) {
      assert.ok(count < 10);
      await turns(1);
    }
    assert.ok(
      asked.some(({ answer }) => answer() === undefined),
      "it did not wait for the whole line",
    );
    assert.equal(site.get(ORDERS).status, 200);
    assert.equal(site.get(`${payments}?index=${index - 1}`).status, 200);
  });

  test("are answered at the end at once, also those that wait for the next pass", async () => {
    const { site, index, change, asked } = crowded();
    change("a");
    await eventually(() => asked.every(({ answer }) => answer() !== undefined), "the pass");
    const again = site.ask(`${ORDERS}?index=${index}`);
    site.routes.end();
    await turns();
    assert.equal(again.answer()?.status, 200);
  });
});

describe("the end", () => {
  test("answers all that are blocked [XD19]", async () => {
    const { site, wait, clock } = ordersOf();
    const asked = Array.from({ length: 200 }, () => wait());
    const other = wait("", "/v1/catalog/services");
    site.routes.end();
    site.routes.end();
    const answered = [...asked, other];
    await eventually(() => answered.every(({ answer }) => answer()?.status === 200), "all are answered");
    assert.equal(site.routes.blockedQueries, 0);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(site.routes.draining, true);
  });

  test("refuses every list: the checks have stopped, and clients keep what they have", () => {
    const { site, index } = ordersOf();
    site.routes.end();
    for (const query of ["", `?index=${index - 1}`, `?index=${index}`]) {
      const { status, headers } = site.get(`${ORDERS}${query}`);
      assert.equal(status, 503, query);
      assert.equal(headers["retry-after"], "5");
    }
  });
});
