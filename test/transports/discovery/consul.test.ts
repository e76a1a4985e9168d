/** What the read side of Consul's HTTP API answers. In brackets: the case of Consul's own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { facts, indexOf, siteOf } from "./discovery-fixture.js";

const ORDERS = "/v1/health/service/orders";

/** One instance in each state. */
async function statesOf() {
  const site = siteOf();
  const names = ["degraded", "drained", "good", "pending", "failing"];
  site.set(names.map((name) => facts(name)));
  await site.turn("degraded", "warning", "certificate-expires");
  await site.turn("failing", "failing", "timeout");
  await site.turn("pending", "pending");
  site.registry.setDrained(new Set(["drained"]));
  site.catalog.refresh();
  return site;
}

type Entry = { readonly Node: { readonly Node: string } };

const nodesOf = (entries: readonly Entry[]) => entries.map(({ Node }) => Node.Node);

describe("/v1/health/service/NAME", () => {
  test("has the node, the service and its one check [XD26]", () => {
    const site = siteOf();
    const more = {
      host: "db.example",
      address: "192.0.2.7",
      port: 443,
      tags: ["blue", "v1"],
      meta: { zone: "a" },
      weight: 10,
    };
    site.set([facts("orders/7f3a2c1b", more)]);
    const indexes = { CreateIndex: 1, ModifyIndex: 1 };
    assert.deepEqual(site.json(ORDERS), [
      {
        Node: {
          ...{
            ID: "",
            Node: "orders/7f3a2c1b",
            Address: "192.0.2.7",
            Datacenter: "dc1",
            TaggedAddresses: {},
            Meta: {},
          },
          ...indexes,
        },
        Service: {
          ...{ ID: "orders:orders/7f3a2c1b", Service: "orders", Tags: ["blue", "v1"], Address: "192.0.2.7" },
          ...{ TaggedAddresses: {}, Meta: { zone: "a" }, Port: 443, Weights: { Passing: 10, Warning: 5 } },
          ...{ EnableTagOverride: false, ...indexes },
        },
        Checks: [
          {
            ...{ Node: "orders/7f3a2c1b", CheckID: "service:orders:orders/7f3a2c1b", Status: "passing" },
            ...{ Name: "healthbridge check of orders", Notes: "", Output: "", ServiceID: "orders:orders/7f3a2c1b" },
            ...{ ServiceName: "orders", ServiceTags: ["blue", "v1"], Type: "healthbridge", Definition: {}, ...indexes },
          },
        ],
      },
    ]);
  });

  test("has the name of the host where its address is not known, and a weight of 1 at least for a warning", () => {
    const site = siteOf();
    site.set([facts("a", { host: "db.example" }), facts("b", { host: "2001:db8::1" })]);
    const entries: { Service: { Address: string; Weights: object } }[] = site.json(ORDERS);
    assert.deepEqual(
      entries.map(({ Service }) => [Service.Address, Service.Weights]),
      [
        ["db.example", { Passing: 1, Warning: 1 }],
        ["2001:db8::1", { Passing: 1, Warning: 1 }],
      ],
    );
  });

  test("has the headers that clients read [XD31]", () => {
    const site = siteOf();
    site.set([facts("a")]);
    const { headers } = site.get(ORDERS);
    assert.equal(headers["x-consul-index"], String(site.catalog.service("orders")?.index));
    assert.equal(headers["x-consul-knownleader"], "true");
    assert.equal(headers["x-consul-lastcontact"], "0");
    assert.equal(headers["x-consul-default-acl-policy"], "allow");
    assert.equal(headers["content-type"], "application/json");
  });

  test("lists all instances with their states and reason codes; unknown and drained ones are critical", async () => {
    const site = await statesOf();
    const entries: { Checks: { Node: string; Status: string; Output: string }[] }[] = site.json(ORDERS);
    assert.deepEqual(
      entries.flatMap(({ Checks }) => Checks.map(({ Node, Status, Output }) => `${Node} ${Status} ${Output}`)),
      [
        "degraded warning certificate-expires",
        "drained critical drained",
        "failing critical timeout",
        "good passing ",
        "pending critical pending",
      ],
    );
  });

  for (const [query, nodes] of [
    ["?passing", ["good"]],
    ["?passing=1", ["good"]],
    ["?passing=true", ["good"]],
    ["?passing=false", ["degraded", "drained", "failing", "good", "pending"]],
    ["?passing=0", ["degraded", "drained", "failing", "good", "pending"]],
  ] as const)
    test(`with ${query} [XD27]`, async () => {
      assert.deepEqual(nodesOf((await statesOf()).json(`${ORDERS}${query}`)), nodes);
    });

  test("with ?passing lists those with a warning when none passes, and none when all fail", async () => {
    const site = siteOf();
    site.set([facts("a"), facts("b")]);
    const passing = () => nodesOf(site.json(`${ORDERS}?passing`));
    await site.turn("a", "warning");
    assert.deepEqual(passing(), ["b"]);
    await site.turn("b", "warning");
    assert.deepEqual(passing(), ["a", "b"]);
    await site.turn("a", "failing");
    assert.deepEqual(passing(), ["b"]);
    await site.turn("b", "failing");
    assert.deepEqual(passing(), []);
    assert.equal(site.json(ORDERS).length, 2, "they are still listed without it");
  });

  test("with tags lists the instances that have all of them, in any case [XD26]", () => {
    const site = siteOf();
    site.set([facts("a", { tags: ["Blue", "v1"] }), facts("b", { tags: ["blue"] }), facts("c")]);
    const nodes = (query: string) => nodesOf(site.json(`${ORDERS}${query}`));
    assert.deepEqual(nodes("?tag=blue"), ["a", "b"]);
    assert.deepEqual(nodes("?tag=BLUE&tag=V1"), ["a"]);
    assert.deepEqual(nodes("?tag=green"), []);
    assert.deepEqual(nodes("?tag="), ["a", "b", "c"]);
  });

  test("of a service that does not exist is an empty list, and no null [XD26]", () => {
    const { status, body } = siteOf().get("/v1/health/service/nothing");
    assert.deepEqual([status, body], [200, "[]\n"]);
  });

  for (const name of ["acme.orders.v1.Orders", "a/b", "ä b", "x?y&z", "%", "__proto__"])
    test(`of the service ${JSON.stringify(name)}, percent-encoded`, () => {
      const site = siteOf();
      site.set([facts("a", { services: [name] })]);
      assert.equal(site.json(`/v1/health/service/${encodeURIComponent(name)}`).length, 1);
    });
});

describe("the other paths", () => {
  test("catalog and health of a service have the same instances in the same order [traefik#7558]", async () => {
    const site = await statesOf();
    site.set([facts("z", { tags: ["t"] }), facts("b"), facts("a", { tags: ["t"] })]);
    for (const query of ["", "?tag=t", "?tag=none"]) {
      const health: Entry[] = site.json(`${ORDERS}${query}`);
      const nodes: { Node: string; ServiceID: string }[] = site.json(`/v1/catalog/service/orders${query}`);
      assert.deepEqual(
        nodes.map(({ Node }) => Node),
        nodesOf(health),
      );
    }
  });

  test("/v1/catalog/service/NAME has what its clients decode [XD28]", () => {
    const site = siteOf();
    site.set([facts("a", { tags: ["t"], meta: { zone: "a" }, weight: 3 })]);
    assert.deepEqual(site.json("/v1/catalog/service/orders"), [
      {
        ...{ ID: "", Node: "a", Address: "192.0.2.1", Datacenter: "dc1", TaggedAddresses: {}, NodeMeta: {} },
        ...{ ServiceKind: "", ServiceID: "orders:a", ServiceName: "orders", ServiceTags: ["t"] },
        ...{ ServiceAddress: "192.0.2.1", ServiceTaggedAddresses: {}, ServiceWeights: { Passing: 3, Warning: 1 } },
        ...{ ServiceMeta: { zone: "a" }, ServicePort: 50051, ServiceEnableTagOverride: false },
        ...{ CreateIndex: 1, ModifyIndex: 1 },
      },
    ]);
  });

  test("/v1/catalog/services has each name with its tags [XD28]", () => {
    const site = siteOf();
    assert.deepEqual(site.json("/v1/catalog/services"), {});
    site.set([
      facts("a", { tags: ["v2", "blue"] }),
      facts("b", { tags: ["blue"] }),
      facts("p", { services: ["payments"] }),
    ]);
    assert.deepEqual(site.json("/v1/catalog/services"), { orders: ["blue", "v2"], payments: [] });
    assert.equal(indexOf(site.get("/v1/catalog/services")), site.catalog.namesIndex);
  });

  test("/v1/catalog/services names a service without a state: its name is no status", () => {
    const site = siteOf();
    site.set([facts("a")], "pending");
    assert.deepEqual(site.json("/v1/catalog/services"), { orders: [] });
  });

  test("one instance of two services has an id in each", () => {
    const site = siteOf();
    site.set([facts("a", { services: ["a", "orders"] })]);
    const checks: { CheckID: string; ServiceID: string }[] = site.json("/v1/health/state/any");
    assert.deepEqual(
      checks.map(({ CheckID, ServiceID }) => [CheckID, ServiceID]),
      [
        ["service:a:a", "a:a"],
        ["service:orders:a", "orders:a"],
      ],
    );
  });

  for (const [state, nodes] of [
    ["any", ["degraded", "drained", "failing", "good", "pending"]],
    ["passing", ["good"]],
    ["warning", ["degraded"]],
    ["critical", ["drained", "failing", "pending"]],
  ] as const)
    test(`/v1/health/state/${state} [XD26]`, async () => {
      const checks: { Node: string }[] = (await statesOf()).json(`/v1/health/state/${state}`);
      assert.deepEqual(
        checks.map(({ Node }) => Node),
        nodes,
      );
    });

  test("/v1/health/checks/NAME has the checks of all instances [XD26]", async () => {
    const checks: { Node: string; ServiceName: string }[] = (await statesOf()).json("/v1/health/checks/orders");
    assert.equal(checks.length, 5);
    assert.ok(checks.every(({ ServiceName }) => ServiceName === "orders"));
  });

  test("/v1/agent/self has objects alone, and the datacenter that Prometheus reads", () => {
    const self: Record<string, unknown> = siteOf().json("/v1/agent/self");
    assert.ok(Object.values(self).every((value) => typeof value === "object" && value !== null));
    assert.equal(Object(self.Config).Datacenter, "dc1");
    assert.equal(Object(self.Config).Version, "1.2.3");
  });

  test("/v1/status/leader, /v1/status/peers and /v1/catalog/datacenters are constants [XD30]", () => {
    const site = siteOf();
    assert.equal(site.json("/v1/status/leader"), "127.0.0.1:8300");
    assert.deepEqual(site.json("/v1/status/peers"), ["127.0.0.1:8300"]);
    assert.deepEqual(site.json("/v1/catalog/datacenters"), ["dc1"]);
  });
});

describe("a query", () => {
  for (const query of [
    ...["wait=x", "wait=5", "wait=5s x", "wait=s", "wait=5d"],
    ...["index=-1", "index=x", "index=1.5", "index=+1", `index=${2n ** 64n}`],
    ...["passing=nope-nope", "stale&consistent"],
    ...["filter=Service.Meta.zone==a", "node-meta=zone:a", "ns=team", "partition=p", "peer=other"],
  ])
    test(`?${query} is 400, and its words are not echoed [XD23, XD25]`, () => {
      const site = siteOf();
      site.set([facts("a")]);
      const { status, body } = site.get(`${ORDERS}?${query}`);
      assert.equal(status, 400);
      for (const value of ["nope", "zone", "team", "other", "5d"]) assert.ok(!body.includes(value), body);
    });

  for (const [word, wait] of Object.entries({
    "digits without a unit": "1".repeat(100_000),
    "digits after a point": `1.${"1".repeat(100_000)}`,
    "a wrong unit at the end": `${"1s".repeat(50_000)}x`,
  }))
    test(`with a long wait of ${word} is 400 in linear time`, () => {
      const site = siteOf();
      site.set([facts("a")]);
      const startedAt = performance.now();
      assert.equal(site.get(`${ORDERS}?wait=${wait}`).status, 400);
      assert.ok(performance.now() - startedAt < 1_000);
    });

  for (const query of [
    "stale",
    "consistent",
    "cached",
    "near=_agent",
    "dc=eu",
    "pretty",
    "ns=default",
    "filter=",
    "x=y",
  ])
    test(`?${query} has no effect [XD25]`, () => {
      const site = siteOf();
      site.set([facts("a")]);
      assert.equal(site.get(`${ORDERS}?${query}`).body, site.get(ORDERS).body);
    });
});

describe("a request", () => {
  for (const [target, status] of [
    ["/", 404],
    ["/v1/kv/x", 404],
    ["/v1/agent/services", 404],
    ["/v1/health/service", 404],
    ["/v1/catalog/services/", 404],
    ["/v1/health/service/", 400],
    ["/v1/health/checks/", 400],
    ["/v1/health/state/", 400],
    ["/v1/health/state/maybe", 400],
    ["/v1/health/service/%ff", 400],
    ["/v1/health/service/%", 400],
    ["*", 404],
  ] as const)
    test(`for ${target} is ${status}, without a word of the client`, () => {
      const answer = siteOf().get(target);
      assert.equal(answer.status, status);
      assert.ok(!/kv|maybe|agent/.test(answer.body), answer.body);
    });

  for (const method of ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
    test(`with ${method} is 405 and says what is allowed`, () => {
      const { status, headers } = siteOf().get(ORDERS, { method });
      assert.deepEqual([status, headers.allow], [405, "GET, HEAD"]);
    });

  test("for Consul's paths is 404 when that form is off, and /v1/instances stays", () => {
    const site = siteOf({ forms: { consul: false, prometheus: false } });
    for (const path of [ORDERS, "/v1/catalog/services", "/v1/agent/self", "/prometheus/sd"])
      assert.equal(site.get(path).status, 404, path);
    assert.equal(site.get("/v1/instances").status, 200);
  });
});
