/** The services of a server, as far as they are known. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readDetails } from "../../../src/cli/watch/service-details.js";
import { ServiceRows } from "../../../src/cli/watch/service-rows.js";

const DETAILS = { status: "NOT_SERVING", since: 5, reason: "timeout", degraded: false };

function rowsWith(...services: readonly string[]): ServiceRows {
  const rows = new ServiceRows();
  for (const service of services) rows.setStatus(service, "SERVING", 1);
  return rows;
}

describe("the rows of services", () => {
  test("a change is counted, and has the time at which it was seen", () => {
    const rows = rowsWith("a");
    const { since, changes } = rows.setStatus("a", "NOT_SERVING", 7) ?? {};
    assert.deepEqual([since, changes], [7, 1]);
    assert.equal(rows.setStatus("a", "NOT_SERVING", 8), undefined, "nothing is new");
  });

  test("the first status has no time: the server may have had it before", () => {
    assert.equal(rowsWith("a").get("a")?.since, undefined);
  });

  test("after a loss of the connection, a status counts again only when it is reported again", () => {
    const rows = rowsWith("a", "b");
    rows.setDisconnected();
    assert.deepEqual(
      rows.all.map(({ isCurrent, status }) => [isCurrent, status]),
      [
        [false, "SERVING"],
        [false, "SERVING"],
      ],
    );
    rows.setStatus("a", "SERVING", 9);
    rows.setStatus("b", "NOT_SERVING", 9);
    const [a, b] = rows.all;
    assert.deepEqual([a?.isCurrent, a?.changes, a?.since], [true, 0, undefined]);
    assert.deepEqual([b?.isCurrent, b?.changes, b?.since], [true, 1, undefined], "when it changed is not known");
  });

  test("details belong to a status: those about another one are ignored", () => {
    const rows = rowsWith("a");
    rows.setDetails("a", DETAILS);
    assert.equal(rows.get("a")?.reason, undefined);
    rows.setStatus("a", "NOT_SERVING", 2);
    rows.setDetails("a", DETAILS);
    assert.deepEqual([rows.get("a")?.reason, rows.get("a")?.since], ["timeout", 5]);
    rows.setStatus("a", "SERVING", 3);
    assert.deepEqual([rows.get("a")?.reason, rows.get("a")?.since], [undefined, 3]);
  });

  test("a Check that failed leaves a status that is not current", () => {
    const rows = rowsWith("a");
    const { isCurrent, status, fault } = rows.setFault("a", "Check failed") ?? {};
    assert.deepEqual([isCurrent, status, fault], [false, "SERVING", "Check failed"]);
    assert.equal(rows.setFault("a", "Check failed"), undefined, "nothing is new");
    rows.setStatus("a", "SERVING", 4);
    assert.deepEqual([rows.get("a")?.isCurrent, rows.get("a")?.fault], [true, undefined]);
  });

  test("a service that List has no more is SERVICE_UNKNOWN, and is forgotten when 100 others are gone", () => {
    const rows = rowsWith("first");
    assert.deepEqual(
      rows.setListed(new Set(), 2).map(({ service, status }) => [service, status]),
      [["first", "SERVICE_UNKNOWN"]],
    );
    assert.deepEqual(rows.setListed(new Set(), 3), [], "reported once");
    for (let index = 0; index < 100; index += 1) rows.setStatus(`x${index}`, "SERVING", 4);
    rows.setListed(new Set(), 5);
    assert.equal(rows.all.length, 100);
    assert.equal(rows.get("first"), undefined);
  });

  test("a service that is back is not forgotten", () => {
    const rows = rowsWith("first");
    rows.setListed(new Set(), 2);
    rows.setStatus("first", "SERVING", 3);
    for (let index = 0; index < 100; index += 1) rows.setStatus(`x${index}`, "SERVING", 4);
    rows.setListed(new Set(["first"]), 5);
    assert.equal(rows.get("first")?.status, "SERVING");
  });

  test("the name of a hostile server has a bounded title", () => {
    assert.equal(rowsWith("x".repeat(1_000_000)).all[0]?.title.length, 250);
  });
});

describe("the details in an answer of healthbridge", () => {
  const answer = {
    status: "warn",
    serviceId: "a",
    servingStatus: "SERVING",
    since: "2026-11-27T09:00:00.000Z",
    checks: {},
  };

  test("are read", () => {
    const since = Date.UTC(2026, 10, 27, 9);
    const expected = { status: "SERVING", since, reason: undefined, degraded: true };
    assert.deepEqual(readDetails(JSON.stringify(answer), "a"), expected);
    const other = { ...answer, status: "fail", servingStatus: "NOT_SERVING", output: "timeout" };
    assert.deepEqual(readDetails(JSON.stringify(other), "a"), {
      status: "NOT_SERVING",
      since,
      reason: "timeout",
      degraded: false,
    });
  });

  for (const [kind, body] of [
    ["that is empty", ""],
    ["that is not JSON", "<html>"],
    ["that is null", "null"],
    ["of a client without the token", '{"status":"pass"}'],
    ["about another service", JSON.stringify({ ...answer, serviceId: "b" })],
    ["with a time that is none", JSON.stringify({ ...answer, since: "yesterday" })],
    ["with numbers", JSON.stringify({ ...answer, servingStatus: 1 })],
  ] as const)
    test(`an answer ${kind} has none`, () => assert.equal(readDetails(body, "a"), undefined));
});
