/** What HTTP says of checks and services that an operator has drained. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bridgeOf, check } from "./bridge-fixture.js";

function drained(names: readonly string[], checks = names) {
  const fixture = bridgeOf();
  const { registry } = fixture;
  registry.report(check("good", { state: "passing" }));
  registry.report({ ...check("db", { state: "passing" }), ...(checks.includes("db") ? { drained: true } : {}) });
  registry.set("db", checks.includes("db") ? "NOT_SERVING" : "SERVING", { reason: "drained" });
  registry.set("", "NOT_SERVING", { reason: "drained" });
  registry.setDrained(new Set(names));
  return fixture;
}

test("a view names a drained check as failed, and fails for it alone", () => {
  const { ask } = drained(["db"]);
  assert.equal(ask("/readyz/good").status, 200);
  const { status, body } = ask("/readyz/db");
  assert.deepEqual([status, body], [503, "NOT_SERVING"]);
  assert.match(ask("/readyz/db?verbose").body, /^\[-\]db failed: drained\n/);
});

test("a view says that something is drained", async () => {
  const { answer } = drained(["s"], []);
  const { status, body } = await answer("/readyz?verbose");
  assert.deepEqual([status, body], [503, "[+]good ok\n[+]db ok\n[-]drain failed: drained\nreadyz check failed\n"]);
});

test("no exclusion of a check lifts a drain: it was an operator who said so", () => {
  const { ask, registry } = drained(["s"], []);
  registry.report(check("bad", { state: "failing" }));
  assert.equal(ask("/readyz?exclude=bad").status, 503);
  registry.setDrained(new Set());
  assert.equal(ask("/readyz?exclude=bad").status, 200, "without a drain it is the only needed check that fails");
});

test("the JSON of a drained check says fail, drained, and the state that its probes have", async () => {
  const { answer } = drained(["db"]);
  const { body } = await answer("/readyz", { accept: "application/json" });
  const { checks } = JSON.parse(body);
  const [{ status, state, drained: isDrained }] = checks["db:responseTime"];
  assert.deepEqual([status, state, isDrained], ["fail", "passing", true]);
  assert.equal(checks["good:responseTime"][0].drained, undefined);
});

test("startup and liveness are not about traffic: a drain does not change them", async () => {
  const { ask } = drained(["db"]);
  assert.deepEqual([ask("/livez").status, ask("/startupz").status], [200, 200]);
});
