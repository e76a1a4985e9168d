import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TransitionHistory } from "../../../src/telemetry/history/transition-history.js";
import { createFetchHandler } from "../../../src/transports/http/fetch.js";
import { bridgeOf, check } from "./bridge-fixture.js";
import { eventFixture } from "./event-fixture.js";

const TOKEN = "s3cret";

describe("/events", () => {
  test("begins with a snapshot of all services and checks, and goes on with each transition under an ID", async () => {
    const { registry, open, settle } = eventFixture();
    registry.set("orders", "SERVING");
    registry.report(check("db", { reason: "refused", state: "failing" }));
    const client = open();
    await settle();
    assert.equal(client.retryMs, 2_000);
    const [snapshot] = client.snapshots;
    assert.equal(snapshot?.id, "e1-2");
    assert.deepEqual(snapshot?.data, {
      draining: false,
      services: [
        { name: "", status: "SERVING", degraded: false, since: "2026-01-01T00:00:00.000Z" },
        { name: "orders", status: "SERVING", degraded: false, since: "2026-01-01T00:00:00.000Z" },
      ],
      checks: [{ name: "db", state: "failing", critical: true, since: "2023-11-14T22:13:20.000Z", reason: "refused" }],
    });
    registry.set("orders", "NOT_SERVING", { reason: "timeout", detail: "secret detail" });
    registry.report(check("db"));
    await settle();
    assert.deepEqual(client.events.slice(1), [
      {
        id: "e1-3",
        event: "transition",
        data: {
          ...{ subject: "service", name: "orders", from: "SERVING", to: "NOT_SERVING", degraded: false },
          ...{ at: "2026-01-01T00:00:00.000Z", reason: "timeout" },
        },
      },
      {
        id: "e1-4",
        event: "transition",
        data: {
          ...{ subject: "check", name: "db", from: "failing", to: "passing", degraded: false },
          at: "2026-01-01T00:00:00.000Z",
        },
      },
    ]);
  });

  test("a client that names its last event gets what it has missed, and no snapshot", async () => {
    const { registry, open, settle } = eventFixture();
    const first = open();
    registry.set("a", "SERVING");
    await settle();
    first.close();
    registry.set("a", "NOT_SERVING");
    registry.set("b", "SERVING");
    const second = open("/events", { lastEventId: first.lastEventId });
    await settle();
    assert.deepEqual([second.snapshots.length, second.transitions], [0, ["a: NOT_SERVING", "b: SERVING"]]);
    assert.equal(second.lastEventId, "e1-3");
  });

  test("an ID of another process, of the future, of too long ago or of another form is answered by a snapshot", async () => {
    const { registry, history, open, settle } = eventFixture();
    for (let round = 0; round < 12_000; round += 1) registry.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
    const past = `e1-${history.last - 10_001}`;
    for (const lastEventId of [
      "e2-3",
      `e1-${history.last + 1}`,
      past,
      "e1-",
      "e1-x",
      "e1--1",
      "-1",
      "7",
      "",
      "\u0000",
    ]) {
      const client = open("/events", { lastEventId });
      await settle();
      assert.equal(client.snapshots.length, 1, JSON.stringify(lastEventId));
      assert.equal(client.lastEventId, `e1-${history.last}`);
      client.close();
    }
  });

  test("a client that reads slowly gets every transition that is kept, in order", async () => {
    const { registry, open, settle } = eventFixture();
    const client = open();
    await settle();
    client.isReading = false;
    for (let round = 0; round < 3_000; round += 1) registry.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
    await settle();
    assert.ok(client.transitions.length < 200, "one piece is on its way");
    client.isReading = true;
    client.read();
    for (let round = 0; round < 20; round += 1) await settle();
    assert.equal(client.transitions.length, 3_000);
    const ids = client.events.map(({ id }) => Number(id.slice(3)));
    assert.deepEqual(
      ids,
      [...ids].sort((a, b) => a - b),
    );
    assert.equal(client.snapshots.length, 1);
  });

  test("a client that reads too slowly gets a snapshot in place of what is not kept, and the statuses of now", async () => {
    const { registry, history, open, settle } = eventFixture();
    const client = open();
    await settle();
    client.isReading = false;
    for (let round = 0; round < 30_001; round += 1) registry.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
    await settle();
    const before = client.bytes;
    client.isReading = true;
    client.read();
    await settle();
    assert.equal(client.snapshots.length, 2);
    assert.equal(client.snapshots[1]?.data.services[1].status, "SERVING");
    assert.equal(client.lastEventId, `e1-${history.last}`);
    assert.ok(client.bytes - before < 1_000);
  });

  test("?service= shows one service or several, and the check of that name", async () => {
    const { registry, open, settle } = eventFixture();
    registry.set("a", "SERVING");
    registry.set("b", "SERVING");
    registry.report(check("b"));
    const one = open("/events?service=a");
    const two = open("/events?service=a&service=b");
    const overall = open("/events?service=readiness");
    const startup = open("/events?service=startup");
    const all = open();
    await settle();
    registry.set("a", "UNKNOWN");
    registry.set("b", "NOT_SERVING");
    registry.report(check("b", { state: "failing" }));
    registry.set("", "NOT_SERVING");
    registry.setStarted(false);
    await settle();
    assert.deepEqual(one.transitions, ["a: UNKNOWN"]);
    assert.deepEqual(two.transitions, ["a: UNKNOWN", "b: NOT_SERVING", "b: failing"]);
    assert.deepEqual(overall.transitions, [": NOT_SERVING"]);
    assert.deepEqual(startup.transitions, ["startup: UNKNOWN"]);
    assert.deepEqual(all.transitions, ["a: UNKNOWN", "b: NOT_SERVING", "b: failing", ": NOT_SERVING"]);
    const namesOf = (client: typeof one) =>
      client.snapshots[0]?.data.services.map(({ name }: { name: string }) => name);
    assert.deepEqual([one, two, overall, startup].map(namesOf), [["a"], ["a", "b"], [""], ["startup"]]);
    assert.deepEqual(two.snapshots[0]?.data.checks.length, 1);
  });

  test("an unknown service has an empty snapshot, which does not echo its name, and its transitions when it is declared", async () => {
    const { registry, open, settle } = eventFixture();
    const client = open("/events?service=later");
    await settle();
    assert.deepEqual(client.snapshots[0]?.data, { draining: false, services: [], checks: [] });
    registry.set("later", "SERVING");
    registry.clear("later");
    await settle();
    assert.deepEqual(client.transitions, ["later: SERVING", "later: SERVICE_UNKNOWN"]);
  });

  test("a target in two forms, a name too long and a broken escape are refused", () => {
    const { ask } = eventFixture();
    for (const target of [`/events?service=${"x".repeat(201)}`, "/events?service=%zz", "/events?service=a%0ab"])
      assert.equal(ask(target).status, 400, target);
    for (const target of ["/events/", "/events/a", "/Events"]) assert.equal(ask(target).status, 404, target);
  });

  test("other methods are refused; HEAD has the headers of GET and opens no stream", () => {
    const { ask, events } = eventFixture();
    const refused = ask("/events", { method: "POST" });
    assert.deepEqual([refused.status, refused.headers.allow], [405, "GET, HEAD"]);
    const { status, headers } = ask("/events", { method: "HEAD" });
    assert.deepEqual([status, headers["content-type"]], [200, "text/event-stream; charset=utf-8"]);
    assert.equal(headers["cache-control"], "no-store, no-transform");
    assert.equal(events.size, 0);
  });

  test("with a token, all names need it; a name that a client knows shows its status alone", async () => {
    const { registry, ask, open, settle } = eventFixture({ token: TOKEN });
    registry.set("a", "NOT_SERVING", { reason: "timeout" });
    registry.report(check("a", { state: "failing", reason: "timeout" }));
    assert.equal(ask("/events").status, 401);
    assert.equal(ask("/events?service=", { authorization: "Bearer wrong" }).status, 200);
    assert.equal(ask("/events", { authorization: "Bearer wrong" }).status, 401);
    const known = open("/events?service=a");
    const authorized = open("/events", { authorization: `Bearer ${TOKEN}` });
    await settle();
    registry.set("a", "SERVING");
    registry.set("a", "NOT_SERVING", { reason: "refused" });
    registry.report(check("a", { state: "passing" }));
    await settle();
    assert.deepEqual(known.transitions, ["a: SERVING", "a: NOT_SERVING"]);
    assert.deepEqual(known.snapshots[0]?.data.checks, []);
    assert.deepEqual(known.snapshots[0]?.data.services, [{ name: "a", status: "NOT_SERVING", degraded: false }]);
    assert.ok(!JSON.stringify(known.events).includes("reason"));
    assert.equal(authorized.events.at(-2)?.data.reason, "refused");
  });

  test("another token ends the streams: each client must show the new one", async () => {
    const { registry, access, open, events, ask, settle } = eventFixture();
    const [client, slow] = [open(), open()];
    await settle();
    slow.isReading = false;
    for (let round = 0; round < 500; round += 1) registry.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
    await settle();
    access.value = TOKEN;
    registry.set("hidden", "SERVING");
    await settle();
    slow.read();
    await settle();
    assert.deepEqual([client.ended, slow.ended, events.size], ["in order", "in order", 0]);
    assert.ok(!JSON.stringify([client.events, slow.events]).includes("hidden"));
    assert.equal(ask("/events").status, 401);
  });

  test("the same token again, as with each reload, ends no stream", async () => {
    const { access, open, registry, settle } = eventFixture();
    const client = open();
    await settle();
    access.value = undefined;
    registry.set("a", "SERVING");
    await settle();
    assert.equal(client.ended, undefined);
    assert.ok(JSON.stringify(client.events).includes("SERVING"));
  });

  test("another token breaks a stream in the middle of a snapshot", async () => {
    const { registry, access, open, events, settle } = eventFixture();
    for (let index = 0; index < 2_000; index += 1) registry.set(`service-${index}`, "SERVING");
    const client = open();
    client.isReading = false;
    client.read();
    await settle();
    assert.deepEqual([client.bytes > 0, client.snapshots.length], [true, 0]);
    access.value = TOKEN;
    assert.deepEqual([client.ended, client.snapshots.length, events.size], ["abruptly", 0, 0]);
  });

  test("a web stream that breaks so says that the server has ended it, and not that it was not read", async () => {
    const { registry, access, bridge } = eventFixture({ token: "t" });
    for (let index = 0; index < 1_000; index += 1) registry.set(`service-${index}`, "SERVING");
    const headers = { authorization: "Bearer t" };
    const { body } = await createFetchHandler(bridge)(new Request("http://a/events", { headers }));
    const reader = (body ?? new Blob([]).stream()).getReader();
    for (const _ of ["the opening", "a part of the snapshot"]) assert.equal((await reader.read()).done, false);
    access.value = "u";
    const readAll = async () => {
      while (!(await reader.read()).done);
    };
    await assert.rejects(readAll(), /the server has ended this answer/);
  });

  test("a silent stream has a heartbeat every 15 s, and a slow client no heartbeats that wait", async () => {
    const { clock, open, events, settle } = eventFixture();
    const [client, slow] = [open(), open()];
    await settle();
    slow.isReading = false;
    await clock.advance(60_000);
    assert.deepEqual(client.comments, Array(4).fill("heartbeat"));
    assert.equal(slow.comments.length, 1);
    client.close();
    slow.close();
    assert.equal(events.size, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  test("at most 4,096 streams are open, and 100 on one HTTP/2 connection", () => {
    const { ask, open, events } = eventFixture();
    const connection = {};
    const [first] = Array.from({ length: 100 }, () => open("/events", { connection }));
    const refused = ask("/events", { connection });
    assert.deepEqual([refused.status, refused.body, refused.headers["retry-after"]], [503, "TOO_MANY_STREAMS", "5"]);
    first?.close();
    first?.close();
    open("/events", { connection });
    assert.equal(ask("/events", { connection }).status, 503, "one stream has left");
    const clients = Array.from({ length: 3_996 }, () => open("/events"));
    assert.equal(events.size, 4_096);
    assert.equal(ask("/events").status, 503);
    clients[0]?.close();
    clients[0]?.close();
    assert.equal(ask("/events").status, 200);
  });

  test("a shutdown ends every stream in order, after what is on its way, and refuses new ones", async () => {
    const { registry, open, events, ask, settle } = eventFixture();
    const [client, slow] = [open(), open()];
    await settle();
    slow.isReading = false;
    registry.set("a", "SERVING");
    await settle();
    registry.drain();
    events.end();
    await settle();
    assert.ok(client.transitions.includes("a: NOT_SERVING"), "the drain is seen");
    assert.deepEqual([client.ended, slow.ended], ["in order", undefined]);
    assert.equal(client.comments.at(-1), "closing");
    slow.isReading = true;
    slow.read();
    await settle();
    assert.equal(slow.ended, "in order");
    assert.ok(slow.transitions.includes("a: NOT_SERVING"));
    assert.deepEqual([ask("/events").status, ask("/events").body], [503, "SHUTTING_DOWN"]);
  });

  test("transitions without a pause reach every client, also the last of many", async () => {
    const { registry, open, settle } = eventFixture();
    registry.set("orders", "SERVING");
    const clients = Array.from({ length: 300 }, () => open());
    await settle();
    for (let turn = 0; turn < 20; turn += 1) {
      registry.set("orders", turn % 2 === 0 ? "NOT_SERVING" : "SERVING");
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(clients.map(({ transitions }) => transitions.length > 0).indexOf(false), -1);
    await settle();
    for (const { transitions } of clients) assert.equal(transitions.length, 20);
  });

  test("a snapshot of 20,000 services arrives whole, is made once for many clients, and continues without a gap", async () => {
    const { registry, open, settle } = eventFixture();
    for (let index = 0; index < 20_000; index += 1) registry.set(`service-${index}`, "SERVING");
    const clients = Array.from({ length: 20 }, () => open());
    const wait = async () => {
      for (let round = 0; round < 40; round += 1) await settle();
    };
    await settle();
    registry.set("service-7", "NOT_SERVING");
    await wait();
    for (const client of clients) {
      assert.equal(client.snapshots.length, 1);
      const { data } = client.snapshots[0] ?? assert.fail();
      assert.equal(data.services.length, 20_001);
      const shown = data.services[8].status === "NOT_SERVING" || client.transitions.includes("service-7: NOT_SERVING");
      assert.ok(shown, "the change is in the snapshot or after it");
    }
  });

  test("what changes while a large snapshot is made comes once, and no older event after it", async () => {
    const { registry, events, access, open, settle } = eventFixture();
    for (let index = 0; index < 2_000; index += 1) registry.set(`service-${index}`, "SERVING");
    const [client, resynced] = [open(), open()];
    await new Promise((resolve) => setImmediate(resolve));
    for (let index = 0; index < 2_000; index += 1) registry.set(`service-${index}`, "UNKNOWN");
    events.resync();
    for (let round = 0; round < 10; round += 1) await settle();
    assert.deepEqual([client.snapshots.length, resynced.snapshots.length], [2, 2], "one from after the call");
    for (const each of [client, resynced]) {
      const ids = each.events.map(({ id }) => Number(id.slice(3)));
      assert.deepEqual(
        ids,
        [...ids].sort((a, b) => a - b),
      );
      assert.equal(each.snapshots[1]?.data.services[1].status, "UNKNOWN");
      assert.equal(new Set(each.transitions).size, each.transitions.length);
    }
    registry.set("another", "SERVING"); // the rendering is not valid any more
    const last = open();
    await new Promise((resolve) => setImmediate(resolve));
    access.value = TOKEN;
    for (let round = 0; round < 10; round += 1) await settle();
    assert.deepEqual([last.ended, last.events], ["in order", []]);
  });

  test("a name cannot forge an event, nor break a terminal", async () => {
    const { registry, open, settle } = eventFixture();
    const name = '"}\u2028data: x\u202e</script>';
    registry.set(name, "SERVING");
    const client = open();
    await settle();
    registry.set(name, "NOT_SERVING");
    await settle();
    assert.deepEqual(client.transitions, [`${name}: NOT_SERVING`]);
    assert.equal(client.events.length, 2);
  });

  test("without a history, the path is not a route", () => {
    for (const [bridge, isRoute] of [
      [eventFixture().bridge, true],
      [bridgeOf().bridge, false],
    ] as const) {
      assert.equal(bridge.hasRoute("/events?service=a"), isRoute);
      assert.equal(bridge.paths.includes("/events"), isRoute);
    }
  });
});

describe("the history of transitions", () => {
  const transition = (sequence: number, name = "a") => ({
    ...({ sequence, at: 0, subject: "service", name, from: "SERVING", to: "UNKNOWN" } as const),
    ...{ degraded: false, reason: undefined, detail: undefined },
  });

  test("is bounded in bytes too: long names leave room for fewer", () => {
    const history = new TransitionHistory("e1");
    for (let sequence = 1; sequence <= 10_000; sequence += 1) history.add(transition(sequence, "x".repeat(200)));
    assert.ok(!history.canContinue(1_000) && history.canContinue(5_000));
  });

  test("forgets what comes before a gap, and ignores what it has", () => {
    const history = new TransitionHistory("e1", 4);
    history.add(transition(4));
    history.add(transition(5));
    assert.ok(history.canContinue(4) && !history.canContinue(3));
    history.add(transition(9));
    assert.ok(!history.canContinue(7) && history.canContinue(8));
    assert.equal(history.at(9)?.sequence, 9);
    assert.equal(history.at(8), undefined);
  });
});
