import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { severityOf } from "../../../../src/core/status-words.js";
import { OVERVIEW } from "../../../../src/transports/http/page/page-query.js";
import { groupRows, type OverviewRow, rowsOf } from "../../../../src/transports/http/page/rows.js";
import { Snapshots } from "../../../../src/transports/http/snapshot.js";
import { bridgeOf, check } from "../bridge-fixture.js";

function row(
  name: string,
  status: "SERVING" | "NOT_SERVING" | "UNKNOWN" = "SERVING",
  more: Partial<Pick<OverviewRow, "since" | "latencyMs">> = {},
): OverviewRow {
  const service = { status, degraded: false, reason: undefined, since: 0 };
  const none = { check: undefined, group: undefined, services: [], members: undefined, since: 0, latencyMs: undefined };
  return { name, status: service, severity: severityOf(status, false), ...none, ...more };
}

const shown = (rows: readonly OverviewRow[], route: Partial<typeof OVERVIEW> = {}) =>
  groupRows(rows, { ...OVERVIEW, ...route }).map(({ name, rows }) => [name, rows.map((each) => each.name)]);

describe("the groups of the overview", () => {
  test("are the longest prefixes that two services share, and never one service alone", () => {
    const names = [
      ...["acme.orders.v1.Orders", "acme.orders.v1.Refunds", "acme.payments.v1.Payments", "acme.users.v1.Users"],
      ...["shop/web", "shop/db", "lonely/one", "redis", "other.Service"],
    ];
    assert.deepEqual(
      shown(
        names.map((name) => row(name)),
        { sort: "name" },
      ),
      [
        ["acme", ["acme.payments.v1.Payments", "acme.users.v1.Users"]],
        ["acme.orders.v1", ["acme.orders.v1.Orders", "acme.orders.v1.Refunds"]],
        ["shop", ["shop/db", "shop/web"]],
        [undefined, ["lonely/one", "other.Service", "redis"]],
      ],
    );
  });

  test("have a Celery cluster as one, with the check that reports its workers", () => {
    const { registry } = bridgeOf();
    const workers = ["celery.worker/a", "celery.worker/b"];
    for (const name of ["flower", "redis", ...workers]) registry.set(name, "SERVING");
    const reported = workers.map((name) => ({ name, status: "SERVING", reason: undefined }) as const);
    registry.report(check("flower", { reported }));
    assert.deepEqual(shown(rowsOf(new Snapshots(registry).withAll())), [
      ["flower", ["celery.worker/a", "celery.worker/b", "flower"]],
      [undefined, ["redis"]],
    ]);
  });

  test("can be named by checks, also that of a cluster", () => {
    const { registry } = bridgeOf();
    for (const name of ["flower", "redis", "shop/a", "shop/b", "celery.worker/a"]) registry.set(name, "SERVING");
    const reported = [{ name: "celery.worker/a", status: "SERVING", reason: undefined } as const];
    registry.report(check("flower", { reported, group: "Background jobs" }));
    registry.report(check("redis", { group: "Background jobs" }));
    registry.report(check("shop/a", { group: "Shop window" }));
    assert.deepEqual(shown(rowsOf(new Snapshots(registry).withAll())), [
      ["Background jobs", ["celery.worker/a", "flower", "redis"]],
      ["Shop window", ["shop/a"]],
      [undefined, ["shop/b"]],
    ]);
  });

  test("with failures come first, and failing services first in each", () => {
    const rows = [row("a/1"), row("a/2"), row("b/1"), row("b/2", "NOT_SERVING"), row("c/1", "UNKNOWN"), row("c/2")];
    assert.deepEqual(shown(rows), [
      ["b", ["b/2", "b/1"]],
      ["c", ["c/1", "c/2"]],
      ["a", ["a/1", "a/2"]],
    ]);
  });
});

describe("the rows of the overview", () => {
  test("are those with a part of a name, in any case, and with problems only if that is asked for", () => {
    const rows = [row("Orders"), row("orders-db", "NOT_SERVING"), row("redis", "UNKNOWN")];
    assert.deepEqual(shown(rows, { search: "ORD" }), [[undefined, ["orders-db", "Orders"]]]);
    assert.deepEqual(shown(rows, { failing: true }), [[undefined, ["orders-db", "redis"]]]);
    assert.deepEqual(shown(rows, { search: "x" }), []);
  });

  test("are one list when they are sorted by last change or by latency", () => {
    const at = (name: string, since: number, latencyMs: number | undefined) =>
      row(name, "SERVING", { since, latencyMs });
    const rows = [at("a/1", 1, 5), at("a/2", 3, undefined), at("b/1", 2, 9)];
    assert.deepEqual(shown(rows, { sort: "since" }), [[undefined, ["a/2", "b/1", "a/1"]]]);
    assert.deepEqual(shown(rows, { sort: "latency" }), [[undefined, ["b/1", "a/1", "a/2"]]]);
  });
});
