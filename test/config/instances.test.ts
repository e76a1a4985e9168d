/** Checks with `instances`, and what discovery tells of checks, in a configuration file. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultsOf, read } from "./reading.js";

const check = (more: string, target = "grpc://{address}/acme.Orders") =>
  `checks: { orders: { target: "${target}", ${more} } }`;
const DNS = "instances: { dns: orders.example, port: 50051 }";

test("A check with instances is a template, and no check.", () => {
  const { checks, services, templates, advertisements } = read(check(`${DNS}, interval: 5s`));
  assert.deepEqual([checks, services, advertisements.size], [[], [], 0]);
  assert.deepEqual(templates, [
    {
      name: "orders",
      target: "grpc://{address}/acme.Orders",
      options: { interval: "5s", group: "orders", tls: undefined },
      policy: { kind: "any" },
      source: { kind: "dns", name: "orders.example", port: 50051, refreshMs: 10_000 },
      hashKey: undefined,
      advertisement: { hostPort: undefined, tags: [], weight: 1 },
    },
  ]);
});

test("Sources are DNS names, SRV names and files.", () => {
  const sourceOf = (instances: string) => read(check(`instances: { ${instances} }`)).templates[0]?.source;
  assert.deepEqual(sourceOf("srv: _grpc._tcp.orders.example., refresh: 1s"), {
    kind: "srv",
    name: "_grpc._tcp.orders.example.",
    refreshMs: 1_000,
  });
  assert.deepEqual(sourceOf("file: targets/*.json"), { kind: "file", pattern: "targets/*.json", refreshMs: 10_000 });
});

test("A policy is any, all or a quorum, which may be larger than the number of instances.", () => {
  const policyOf = (policy: string) => read(check(`${DNS}, policy: ${policy}`)).templates[0]?.policy;
  assert.deepEqual(policyOf("any"), { kind: "any" });
  assert.deepEqual(policyOf("all"), { kind: "all" });
  assert.deepEqual(policyOf("{ quorum: 20 }"), { kind: "quorum", count: 20, isFixed: true });
});

test("A template has defaults, keeps its own group, and may be a member of services.", () => {
  const text = `${check(`${DNS}, group: Shop`)}\ndefaults: { timeout: 1s }\nservices: { shop: [orders] }\noverall: [shop]`;
  assert.deepEqual(read(text).templates[0]?.options, { timeout: "1s", group: "Shop", tls: undefined });
});

test("Tags, a weight and a place are told of a check without instances too.", () => {
  const text = `checks: { a: { target: "tcp://h:1", advertise: "{host}:443", tags: blue, weight: 7 }, b: "tcp://h:2" }`;
  assert.deepEqual([...read(text).advertisements], [["a", { hostPort: "{host}:443", tags: ["blue"], weight: 7 }]]);
});

describe("A mistake is shown at its place, in words of the file", () => {
  const cases: readonly (readonly [what: string, text: string, fault: RegExp])[] = [
    ["no source", check("instances: { refresh: 5s }"), /checks\.orders\.instances: must have one of dns, srv and file/],
    ["two sources", check("instances: { srv: h, file: t.json }"), /has both srv and file; it must have one of/],
    ["three sources", check("instances: { srv: h, file: t.json, dns: h }"), /has dns, srv and file; it must have one/],
    ["no port", check("instances: { dns: h }"), /checks\.orders\.instances: needs port: a record of dns has none/],
    [
      "a port of SRV",
      check("instances: { srv: h, port: 1 }"),
      /instances\.port: is only for dns; srv and file have ports/,
    ],
    ["a high port", check("instances: { dns: h, port: 65536 }"), /instances\.port: must be from 1 to 65535; got 65536/],
    ["a URL as a name", check('instances: { dns: "http://h", port: 1 }'), /instances\.dns: must be a name, such as/],
    ["a refresh that is too short", check("instances: { srv: h, refresh: 999ms }"), /must be from 1s to 1h; got 999ms/],
    [
      "a pattern in a folder",
      check('instances: { file: "*/a.json" }'),
      /may have \* only in the last part of the path/,
    ],
    ["an unknown key", check("instances: { srv: h, prot: 1 }"), /instances\.prot: unknown key; did you mean port\?/],
    ["no placeholder", check(DNS, "tcp://h:1"), /checks\.orders\.target: must have \{address\}, or \{host\}/],
    ["an unknown placeholder", check(DNS, "tcp://{adress}"), /checks\.orders\.target: \{adress\} is not a placeholder/],
    ["a unix socket", check(DNS, "unix:///run/{host}"), /unix is not for a check with instances; use one of http,/],
    ["a question to DNS", check(DNS, "dns:{host}"), /dns is not for a check with instances/],
    ["Flower", check(DNS, "flower+http://{address}"), /flower\+http is not for a check with instances/],
    ["an unknown scheme", check(DNS, "grcp://{address}"), /checks\.orders\.target: .*unknown scheme "grcp"/],
    ["a target without a port", check(DNS, "grpc://{host}/x"), /checks\.orders\.target: .*a port is missing/],
    [
      "an option of another scheme",
      check(`${DNS}, method: GET`),
      /checks\.orders\.method: is not an option of this scheme/,
    ],
    [
      "a long timeout",
      check(`${DNS}, interval: 2s, timeout: 3s`),
      /checks\.orders\.timeout: 3s must be below checks\.orders\.interval \(2s\)/,
    ],
    [
      "services",
      check(`${DNS}, services: [s]`),
      /checks\.orders\.services: is not for a check with instances; name "orders" in services/,
    ],
    [
      "another policy",
      check(`${DNS}, policy: most`),
      /checks\.orders\.policy: must be any, all or \{ quorum: N \}; got "most"/,
    ],
    ["a policy alone", check("policy: any", "tcp://h:1"), /checks\.orders\.policy: is only for a check with instances/],
    [
      "a high weight",
      check("weight: 65536", "tcp://h:1"),
      /checks\.orders\.weight: must be from 1 to 65535; got 65536/,
    ],
    [
      "a wrong place",
      check("advertise: h", "tcp://h:1"),
      /checks\.orders\.advertise: must be HOST:PORT, such as .*; got "h"/,
    ],
    [
      "tags of a socket",
      check("tags: [a]", "unix:///run/a"),
      /checks\.orders\.tags: is only for a target with a host and a port/,
    ],
    [
      "instances of a program",
      `allowExec: true\nchecks: { orders: { exec: [a], ${DNS} } }`,
      /checks\.orders\.instances: needs a target; exec and heartbeat have no address/,
    ],
    [
      "a service of the same name",
      `${check(DNS)}\nservices: { orders: [orders] }`,
      /orders: .*(?:of this name|already|cycle)/,
    ],
    [
      "a check with the name of an instance",
      `checks: { orders: { target: "tcp://{address}", ${DNS} }, orders/0123456789ab: "tcp://h:1" }`,
      /checks\.orders\/0123456789ab: the name is one of an instance of "orders"; choose another one/,
    ],
    [
      "a service with the name of an instance",
      `${check(DNS)}\nservices: { orders/0123456789ab: [orders] }`,
      /services\.orders\/0123456789ab: the name is one of an instance/,
    ],
    [
      "a named service with the name of an instance",
      `checks: { orders: { target: "tcp://{address}", ${DNS} }, a: { target: "tcp://h:1", services: [orders/0123456789ab] } }`,
      /checks\.a\.services\[0\]: the name is one of an instance/,
    ],
    [
      "a template with the name of an instance",
      `checks: { orders: { target: "tcp://{address}", ${DNS} }, orders/0123456789ab: { target: "tcp://{address}", ${DNS} } }`,
      /checks\.orders\/0123456789ab: the name is one of an instance/,
    ],
    ["a long name", check(DNS).replace("orders", "o".repeat(195)), /the name must be at most 200 bytes/],
  ];
  for (const [what, text, fault] of cases)
    test(what, () => {
      const faults = faultsOf(text);
      assert.ok(
        faults.some((line) => fault.test(line)),
        `${fault} is none of\n${faults.join("\n")}`,
      );
    });
});

test("A name that begins like that of an instance is allowed.", () => {
  read(`checks: { orders: { target: "tcp://{address}", ${DNS} }, orders/x: "tcp://h:1" }`);
});

test("A webhook and a recovery may name a template and its instances.", () => {
  const warningsOf = (pattern: string) =>
    read(`${check(DNS)}
allowExec: true
webhooks: { ops: { url: "http://h/", services: [orders, "${pattern}"] } }
recovery: { r: { exec: [a], services: [orders, "${pattern}"] } }`).warnings;
  for (const pattern of ["orders/*", "*", "ord*/*"]) assert.deepEqual(warningsOf(pattern), [], pattern);
  assert.equal(warningsOf("order/*").length, 2);
});
