/** What HTTP clients see of a fleet: `?verbose`, JSON, `/events` and the page. Without a fleet they see nothing of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FleetMemberState, FleetState } from "../../../src/registry/ports.js";
import type { CheckVoter, PageFleet } from "../../../src/transports/http/page/fleet-view.js";
import { check } from "./bridge-fixture.js";
import { eventFixture } from "./event-fixture.js";
import { historyFixture } from "./history-fixture.js";

const JSON_TYPE = { accept: "application/health+json" };
const BROWSER = { accept: "text/html", host: "localhost:8080" };
const TOKEN = "s3cret";
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };

const M1: FleetMemberState = { member: "m1", zone: "eu-1", state: "alive", checks: 2, sameConfig: true };
const M2: FleetMemberState = { member: "m2", zone: "eu-2", state: "dead", checks: 0 };

const stateOf = (more: Partial<FleetState> = {}): FleetState => ({
  ...{ name: "prod", detached: false, members: [M1, M2], more: 0 },
  ...more,
});

const DETACHED = stateOf({ detached: true });

const LINE = "warn: detached: the store of the fleet does not answer; this member decides by its own probes\n";

function fixture({ token = undefined as string | undefined, voters = [] as readonly CheckVoter[] } = {}) {
  const fleet: PageFleet = {
    members: () => (all.registry.fleet?.members ?? []).map((member) => ({ ...member, beatAgeMs: 4_200 })),
    voters: (name) => (name === "db" ? voters : undefined),
  };
  const all = historyFixture({ page: true, hosts: [], token, fleet: () => fleet });
  all.registry.set("orders", "SERVING");
  all.registry.report(check("db", { services: ["orders"] }));
  return all;
}

const VERBOSE = ["/readyz?verbose", "/startupz?verbose", "/readyz/db?verbose", "/readyz?verbose&exclude=db"];
const AS_JSON = ["/readyz", "/startupz", "/readyz/db", "/healthcheck", "/healthcheck/orders"];

describe("a member whose store does not answer", () => {
  for (const target of VERBOSE)
    test(`has a line in ${target}, until the store is back`, () => {
      const { registry, ask } = fixture();
      registry.setFleet(stateOf());
      const { status, body } = ask(target);
      assert.doesNotMatch(body, /detached/);
      registry.setFleet(DETACHED);
      const detached = ask(target);
      assert.equal(detached.status, status, "the code is that of the statuses");
      assert.equal(detached.body.split(LINE).length, 2, detached.body);
      assert.match(detached.body, /check (?:passed|failed)\n$/, "the last line is the result");
      registry.setFleet(stateOf());
      assert.equal(ask(target).body, body);
    });

  for (const target of AS_JSON)
    test(`says so in the JSON of ${target}, until the store is back`, () => {
      const { registry, ask } = fixture();
      registry.setFleet(stateOf());
      assert.equal(JSON.parse(ask(target, JSON_TYPE).body).detached, undefined);
      registry.setFleet(DETACHED);
      assert.equal(JSON.parse(ask(target, JSON_TYPE).body).detached, true);
      registry.setFleet(stateOf());
      assert.equal(JSON.parse(ask(target, JSON_TYPE).body).detached, undefined);
    });

  test("says nothing of it in answers of one word, in liveness, and to a client without the token", () => {
    const { registry, ask } = fixture({ token: TOKEN });
    registry.setFleet(DETACHED);
    for (const target of [...VERBOSE, ...AS_JSON, "/livez?verbose"])
      for (const form of [{}, JSON_TYPE]) assert.doesNotMatch(ask(target, form).body, /detached/, target);
    assert.equal(ask("/healthcheck/orders", WITH_TOKEN).body, "OK");
    assert.doesNotMatch(ask("/livez?verbose", WITH_TOKEN).body, /detached/);
    assert.doesNotMatch(ask("/livez", { ...WITH_TOKEN, ...JSON_TYPE }).body, /detached/);
    assert.match(ask("/readyz?verbose", WITH_TOKEN).body, /detached/);
  });

  for (const [storeFault, words] of [
    ["read-only", "is read-only"],
    ["out-of-memory", "is out of memory"],
    ["refused", "refuses the login or a command"],
    ["other-node", "is a node of a cluster without the data of the fleet"],
    ["unreachable", "cannot be reached"],
    ["timeout", "does not answer in time"],
  ] as const)
    test(`says why: ${storeFault}`, () => {
      const { registry, ask } = fixture();
      registry.setFleet({ ...DETACHED, storeFault });
      const text = `detached: the store of the fleet ${words}; this member decides by its own probes`;
      for (const target of VERBOSE) assert.ok(ask(target).body.includes(`warn: ${text}\n`), target);
      for (const target of AS_JSON)
        assert.equal(JSON.parse(ask(target, JSON_TYPE).body).storeFault, storeFault, target);
      assert.ok(ask("/", BROWSER).body.includes(`<li>D${text.slice(1)}.</li>`));
      registry.setFleet(stateOf({ storeFault }));
      assert.doesNotMatch(ask("/readyz", JSON_TYPE).body, /storeFault/, "it is over");
    });

  test("shows it above the services and above one service", () => {
    const { registry, ask } = fixture();
    registry.setFleet(DETACHED);
    for (const target of ["/", "/?service=orders"])
      assert.match(
        ask(target, BROWSER).body,
        /<ul id="notices"><li>Detached: the store of the fleet does not answer; [^<]+<\/li>/,
      );
    registry.setFleet(stateOf());
    for (const target of ["/", "/?service=orders"])
      assert.doesNotMatch(ask(target, BROWSER).body, /Detached|>detached/);
  });
});

describe("the events of a fleet", () => {
  const fleetEvents = (client: { readonly events: readonly { event: string; id: string; data: FleetState }[] }) =>
    client.events.filter(({ event }) => event === "fleet");

  test("come after a snapshot and after each change, without an ID", async () => {
    const { registry, events, open, settle } = eventFixture();
    registry.set("orders", "SERVING");
    registry.setFleet(stateOf());
    const client = open();
    await settle();
    assert.deepEqual(
      client.events.map(({ event }) => event),
      ["snapshot", "fleet"],
    );
    assert.deepEqual(client.events[1]?.data, stateOf());
    const id = client.lastEventId;
    registry.setFleet(DETACHED);
    events.refresh();
    await settle();
    registry.setFleet(stateOf());
    events.refresh();
    events.refresh();
    await settle();
    assert.deepEqual(
      fleetEvents(client).map(({ data }) => data.detached),
      [false, true, false],
    );
    assert.equal(client.lastEventId, id, "a client continues after the last transition");
    registry.set("orders", "NOT_SERVING");
    await settle();
    assert.deepEqual([client.transitions, fleetEvents(client).length], [["orders: NOT_SERVING"], 3]);
  });

  test("reach a client that continues, and a slow client gets the newest alone", async () => {
    const { registry, events, open, settle } = eventFixture();
    registry.set("orders", "SERVING");
    registry.setFleet(stateOf());
    const first = open();
    await settle();
    const next = open("/events", { lastEventId: first.lastEventId });
    await settle();
    assert.deepEqual(
      next.events.map(({ event }) => event),
      ["fleet"],
    );
    next.isReading = false;
    for (const name of ["a", "b", "c"]) {
      registry.setFleet(stateOf({ members: [{ ...M1, member: name }] }));
      events.refresh();
      await settle();
    }
    next.isReading = true;
    for (let count = 0; count < 3; count += 1) {
      next.read();
      await settle();
    }
    assert.equal(fleetEvents(next).at(-1)?.data.members[0]?.member, "c");
    assert.ok(fleetEvents(next).length <= 3, "one was on its way");
  });

  test("are not for clients that may see no details", async () => {
    const { registry, events, open, settle } = eventFixture({ token: TOKEN });
    registry.set("orders", "SERVING");
    registry.setFleet(stateOf());
    const stranger = open("/events?service=orders");
    const known = open("/events?service=orders", WITH_TOKEN);
    await settle();
    registry.setFleet(DETACHED);
    events.refresh();
    await settle();
    assert.deepEqual([fleetEvents(stranger).length, fleetEvents(known).length], [0, 2]);
  });

  test("keep a name from the store in its line and in its order", async () => {
    const { registry, open, settle } = eventFixture();
    registry.setFleet(stateOf({ members: [{ ...M1, member: "a\n\nevent: x\u202e" }] }));
    const client = open();
    await settle();
    assert.deepEqual(
      client.events.map(({ event }) => event),
      ["snapshot", "fleet"],
    );
    assert.equal(client.events[1]?.data.members[0].member, "a\n\nevent: x\u202e");
  });
});

describe("the members on the page", () => {
  const sectionOf = (body: string) => /<section id="fleet".*?<\/section>/s.exec(body)?.[0] ?? "";
  const cells = (section: string) =>
    [...section.matchAll(/<tr data-member-state.*?<\/tr>/gs)].map(([row]) =>
      [...row.matchAll(/<t[hd][^>]*>([^<]*)</g)].map(([, text]) => text),
    );

  test("are a table below the services: zone, state, checks, last beat and whether the configuration differs", () => {
    const { registry, ask } = fixture();
    registry.setFleet(
      stateOf({
        members: [
          M1,
          M2,
          { ...M2, member: "m3", state: "other-format" },
          { ...M1, member: "m4", state: "leaving", sameConfig: false },
          { ...M1, member: "m5", state: "duplicate" },
        ],
        more: 7,
      }),
    );
    const { body } = ask("/", BROWSER);
    const section = sectionOf(body);
    assert.ok(body.indexOf(section) > body.indexOf("</main>"));
    assert.match(section, /<h2>Fleet prod<\/h2> <small>7 more members are not listed<\/small>/);
    assert.deepEqual(cells(section), [
      ["m1", "eu-1", "alive", "2", "4 s ago", "the same"],
      ["m2", "eu-2", "dead", "0", "4 s ago", ""],
      ["m3", "eu-2", "not understood: another version", "0", "4 s ago", ""],
      ["m4", "eu-1", "leaving", "2", "4 s ago", "differs"],
      ["m5", "eu-1", "another process has this name", "2", "4 s ago", "the same"],
    ]);
    assert.equal(sectionOf(ask("/?service=orders", BROWSER).body), "");
  });

  test("have names that are foreign text: they are escaped", () => {
    const { registry, ask } = fixture();
    const member = '"><script>alert(1)</script>\u202e\n';
    registry.setFleet(stateOf({ name: "<b>", members: [{ ...M1, member, zone: member, state: "<i>" }] }));
    const { body } = ask("/", BROWSER);
    assert.doesNotMatch(body, /<b>|<i>|<script>|\u202e/);
    const row = /<tr data-member-state="&lt;i&gt;"><th scope="row">(.*?)<\/th>/.exec(body)?.[1];
    assert.equal(row, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\u000a");
  });

  test("have the data of the last event, so that the script asks for the page again only if it is old", async () => {
    const { registry, ask } = fixture();
    registry.setFleet(stateOf());
    const shown = /data-shown="([^"]*)"/.exec(sectionOf(ask("/", BROWSER).body))?.[1] ?? "";
    assert.deepEqual(JSON.parse(shown.replaceAll("&quot;", '"')), stateOf());
  });

  test("are not shown without the token, without a fleet, nor by a thread that does not know them", () => {
    const closed = fixture({ token: TOKEN });
    closed.registry.setFleet(stateOf());
    assert.equal(closed.ask("/", BROWSER).body, "UNAUTHENTICATED");
    const none = historyFixture({ page: true, hosts: [] });
    none.registry.set("orders", "SERVING");
    for (const target of ["/", "/?service=orders"])
      assert.doesNotMatch(none.ask(target, BROWSER).body, /[Ff]leet|Probed by/);
    const thread = historyFixture({ page: true, hosts: [], isThread: true });
    thread.registry.setFleet(DETACHED);
    assert.equal(sectionOf(thread.ask("/", BROWSER).body), "");
    assert.match(thread.ask("/", BROWSER).body, /Detached: /);
  });
});

describe("who probes a check, on the page of a service", () => {
  const shown = (voters: readonly CheckVoter[]) => {
    const { registry, ask } = fixture({ voters });
    registry.setFleet(stateOf());
    const { body } = ask("/?service=orders", BROWSER);
    assert.match(body, /<th scope="col">Probed by<\/th>/);
    return /<td class="voters">([^<]*)<\/td>/.exec(body)?.[1];
  };
  const voter = (member: string, vote: CheckVoter["vote"], isOwner = true): CheckVoter => ({ member, vote, isOwner });

  const ROWS: readonly (readonly [text: string, voters: readonly CheckVoter[]])[] = [
    ["m1, m2", [voter("m1", "passing"), voter("m2", "passing")]],
    [
      "2 of 3 fail: m1 failing, m2 passing, m3 failing",
      [voter("m1", "failing"), voter("m2", "passing"), voter("m3", "failing")],
    ],
    [
      "1 of 2 fail: m1 failing, m2 passing, m3 abstaining",
      [voter("m1", "failing"), voter("m2", "passing"), voter("m3", "abstaining")],
    ],
    ["m1 failing", [voter("m1", "failing")]],
    ["m2 not yet, m1 passing (former)", [voter("m2", undefined), voter("m1", "passing", false)]],
    ["", []],
  ];
  for (const [text, voters] of ROWS) test(text || "nobody", () => assert.equal(shown(voters), text));

  test("are at most 20", () => {
    const voters = Array.from({ length: 30 }, (_, at) => voter(`m${at}`, "passing"));
    assert.match(shown(voters) ?? "", /m19, and 10 more$/);
  });

  test("are escaped", () => assert.equal(shown([voter("<b>", "passing")]), "&lt;b&gt;"));
});
