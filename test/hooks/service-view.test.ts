/** Why a service fails, and when its outage is silent: over a real registry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { matcherOf } from "../../src/hooks/service-filter.js";
import { RegistryView } from "../../src/hooks/service-view.js";
import type { CheckReport, CheckState } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";

const report = (name: string, state: CheckState, details: Partial<CheckReport> = {}): CheckReport => ({
  ...{ name, state, critical: true, counted: true, startup: true, reason: "refused", held: false },
  ...{ latencyMs: undefined, lastResultAt: undefined, since: 0, services: [] },
  ...details,
});

/** A registry with a view of it: `celery` fails because of `broker`, `shop` because of both `broker` and `db`. */
function setup() {
  const registry = new Registry({ clock: systemClock, instance: "view-test" });
  const maintained = new Set<string>();
  const view = new RegistryView(registry, (service) => maintained.has("all") || maintained.has(service));
  registry.report(report("broker", "failing", { services: ["celery", "shop"] }));
  registry.report(report("db", "failing", { services: ["shop"], reason: "timeout" }));
  registry.report(report("cache", "failing", { services: ["shop"], critical: false }));
  registry.report(report("flower", "passing", { services: ["celery"] }));
  for (const name of ["broker", "db", "cache", "celery", "shop"])
    registry.set(name, "NOT_SERVING", { reason: name === "db" ? "timeout" : "refused" });
  return { registry, maintained, isSilent: (service: string) => view.isSilent(service, "NOT_SERVING"), view };
}

test("an outage names the reason and the critical checks that cause it", () => {
  const { view } = setup();
  const causes = [
    { check: "broker", reason: "refused" },
    { check: "db", reason: "timeout" },
  ];
  assert.deepEqual(view.explain("shop"), { reason: "refused", causes, severity: "critical" });
  assert.deepEqual(view.explain("").causes, causes);
  assert.deepEqual(view.explain("db"), { reason: "timeout", causes: [], severity: "critical" });
  assert.equal(view.explain("cache").severity, "warning");
});

test("an outage names 5 causes at most", () => {
  const { registry, view } = setup();
  for (let index = 0; index < 20; index += 1) registry.report(report(`c${index}`, "failing", { services: ["shop"] }));
  assert.equal(view.explain("shop").causes.length, 5);
});

test("nothing is silent by itself", () => {
  const { isSilent } = setup();
  for (const service of ["", "broker", "db", "cache", "celery", "shop"]) assert.equal(isSilent(service), false);
});

test("a maintenance of all and a drain of all are silent", () => {
  const { registry, maintained, isSilent } = setup();
  maintained.add("all");
  assert.equal(isSilent("shop"), true);
  maintained.clear();
  registry.drain();
  assert.equal(isSilent("shop"), true);
  registry.resume();
  assert.equal(isSilent("shop"), false);
});

test("a service in maintenance is silent, with its members and with what fails only because of it", () => {
  const { registry, maintained, isSilent } = setup();
  maintained.add("celery");
  const silent = () => ["", "broker", "db", "celery", "shop"].filter(isSilent);
  assert.deepEqual(silent(), ["broker", "celery"], "db fails as well, so shop and the whole have another cause");
  registry.report(report("db", "passing", { services: ["shop"] }));
  assert.deepEqual(silent(), ["", "broker", "celery", "shop"]);
});

test("a drained service is silent, and so is what fails only because of it", () => {
  const { registry, isSilent } = setup();
  registry.setDrained(new Set(["shop"]));
  assert.deepEqual(["broker", "db", "cache", "shop", "celery"].filter(isSilent), [
    ...["broker", "db", "cache", "shop", "celery"],
  ]);
  registry.setDrained(new Set(["idle"]));
  registry.report(report("broker", "passing", { services: ["celery", "shop"] }));
  registry.set("celery", "NOT_SERVING", { reason: "drained" });
  assert.equal(isSilent("celery"), true, "its member idle is drained, and no check fails");
});

test("a recovery is never silent, and a service that is missing is until every check has a result", () => {
  const { registry, maintained, view } = setup();
  maintained.add("all");
  assert.equal(view.isSilent("shop", "SERVING"), false);
  registry.setStarted(false);
  assert.equal(view.isSilent("celery.worker/one", "SERVICE_UNKNOWN"), true);
  registry.setStarted(true);
  assert.equal(view.isSilent("celery.worker/one", "SERVICE_UNKNOWN"), false);
});

for (const [pattern, matching, other] of [
  ["orders", ["orders"], ["order", "orders2", ""]],
  ["*", ["orders", "", "a.b"], []],
  ["acme.*", ["acme.", "acme.orders"], ["acme", "xacme.orders"]],
  ["*.v1", ["a.v1", ".v1"], ["a.v1x", "v1"]],
  ["a*b*c", ["abc", "axbxc", "abbc"], ["ab", "acb", "abcd"]],
  ["a*a", ["aa", "aba"], ["a"]],
  ["a.b", ["a.b"], ["axb"]],
  ["readiness", [""], ["readiness"]],
] as const)
  test(`the pattern ${pattern} matches ${JSON.stringify(matching)} and not ${JSON.stringify(other)}`, () => {
    for (const name of matching) assert.equal(matcherOf(pattern)(name), true, name);
    for (const name of other) assert.equal(matcherOf(pattern)(name), false, name);
  });
