/** Which service has which members, from the reports of the checks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serviceMembers } from "../../src/telemetry/service-members.js";
import { Health } from "../support/built-library.js";
import { samplesOf } from "../support/exposition.js";
import { portOf } from "../support/port-of.js";

const check = (name: string, ...services: readonly string[]) => ({ name, services });
const membersOf = (...checks: Parameters<typeof serviceMembers>[0]) =>
  [...serviceMembers(checks)].map(([service, member]) => `${service} > ${member}`).sort();

describe("the members of a service", () => {
  test("are the checks that count for it", () => {
    assert.deepEqual(membersOf(check("a", "s"), check("b", "s"), check("c")), ["s > a", "s > b"]);
  });

  test("are the services whose checks all count for it as well", () => {
    const members = membersOf(check("a", "inner", "outer"), check("b", "inner", "outer"), check("c", "outer"));
    assert.deepEqual(members, ["inner > a", "inner > b", "outer > a", "outer > b", "outer > c", "outer > inner"]);
  });

  test("are no services that share only a part of the checks", () => {
    const members = membersOf(check("a", "one", "two"), check("b", "one"), check("c", "two"));
    assert.deepEqual(members, ["one > a", "one > b", "two > a", "two > c"]);
  });

  test("of two services with the same checks: the later one has the earlier one as a member", () => {
    assert.deepEqual(membersOf(check("a", "inner", "outer")), ["inner > a", "outer > a", "outer > inner"]);
  });

  test("through several levels are members too", () => {
    const members = membersOf(check("a", "one", "two", "three"), check("b", "two", "three"), check("c", "three"));
    for (const pair of ["two > one", "three > one", "three > two", "three > a"])
      assert.ok(members.includes(pair), pair);
    for (const pair of ["one > two", "two > three", "one > three"]) assert.ok(!members.includes(pair), pair);
  });

  test("are the services that the target of a check reports", () => {
    const reported = [{ name: "celery.worker/one" }, { name: "celery.worker/two" }];
    assert.deepEqual(membersOf({ ...check("cluster", "tasks"), reported }), [
      "cluster > celery.worker/one",
      "cluster > celery.worker/two",
      "tasks > cluster",
    ]);
  });
});

for (const thread of [false, true])
  test(`the page names the members of declared services, also of nested ones (thread: ${thread})`, async (t) => {
    const health = new Health({ metrics: true });
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    const server = await health.listen(["127.0.0.1:0"], { thread });
    for (const name of ["a", "b", "c", "alone"]) health.check(name, () => true, { critical: name !== "c" });
    health.declareServices([
      { name: "outer", policy: { kind: "all" }, members: ["inner", "c"] },
      { name: "inner", policy: { kind: "any" }, members: ["a", "b"] },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const page = samplesOf(await (await fetch(`http://127.0.0.1:${portOf(server)}/metrics`)).text());
    const members = page.filter(({ name }) => name === "healthbridge_service_member");
    assert.deepEqual(members.map(({ labels: { service, member } }) => `${service} > ${member}`).sort(), [
      ...["inner > a", "inner > b", "outer > a", "outer > b", "outer > c", "outer > inner"],
    ]);
    const notCritical = page.filter(({ name }) => name === "healthbridge_check_not_critical");
    assert.deepEqual(
      notCritical.map(({ labels }) => labels.check),
      ["c"],
    );
  });
