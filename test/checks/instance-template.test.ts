/** Templates of checks, with the addresses of their sources. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hostPortFault, instanceTableOf, TEMPLATE_SCHEMES } from "../../src/checks/instance-table.js";
import {
  expandTemplate,
  type InstanceTemplate,
  placeholderFault,
  templateNameOf,
} from "../../src/checks/instance-template.js";
import type { FoundAddress } from "../../src/instances/source.js";
import { SCHEMES } from "../../src/probers/schemes.js";
import { read } from "../config/reading.js";

const template: InstanceTemplate = {
  name: "orders",
  target: "grpc://{address}/acme.Orders",
  options: { group: "orders" },
  policy: { kind: "any" },
  source: { kind: "dns", name: "orders.example", port: 1, refreshMs: 10_000 },
  hashKey: undefined,
  advertisement: { hostPort: undefined, tags: [], weight: 1 },
};
const found = (host: string, more: Partial<FoundAddress> = {}): FoundAddress => ({
  host,
  port: 50051,
  meta: {},
  tags: [],
  weight: undefined,
  ...more,
});
const expand = (addresses: readonly FoundAddress[], more: Partial<InstanceTemplate> = {}) =>
  expandTemplate({ ...template, ...more }, { addresses, isAwaited: false });
const urlsOf = ({ instances }: ReturnType<typeof expand>) =>
  [...instances.values()].map(({ declaration: { source } }) => (source.kind === "target" ? source.url : source.kind));

test("Each address becomes a check with a name that does not show the address.", () => {
  const { instances, service } = expand([found("10.0.0.1"), found("10.0.0.2")]);
  const names = [...instances.keys()];
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.match(name, /^orders\/[0-9a-f]{12}$/);
  assert.deepEqual(service.members, names);
});

test("A name depends on host, port and key alone.", () => {
  const nameOf = (address: FoundAddress, more: Partial<InstanceTemplate> = {}) =>
    [...expand([address], more).instances.keys()][0];
  const name = nameOf(found("10.0.0.1"));
  assert.equal(nameOf(found("10.0.0.1", { weight: 7 }), { target: "tcp://{address}" }), name);
  assert.notEqual(nameOf(found("10.0.0.1", { port: 50052 })), name);
  assert.notEqual(nameOf(found("10.0.0.1"), { hashKey: "k" }), name);
  assert.notEqual(nameOf(found("10.0.0.1"), { hashKey: "k" }), nameOf(found("10.0.0.1"), { hashKey: "l" }));
});

test("The placeholders of a target are replaced; an IPv6 address is in brackets.", () => {
  assert.deepEqual(urlsOf(expand([found("10.0.0.1"), found("2001:db8::1"), found("h.example")])), [
    "grpc://10.0.0.1:50051/acme.Orders",
    "grpc://[2001:db8::1]:50051/acme.Orders",
    "grpc://h.example:50051/acme.Orders",
  ]);
  const target = "http://{host}:8080/ready?grpc={port}&{host}";
  assert.deepEqual(urlsOf(expand([found("::1")], { target })), ["http://[::1]:8080/ready?grpc=50051&[::1]"]);
});

test("What belongs to an address that has not changed is the same object.", () => {
  const [one, two] = [found("10.0.0.1"), found("10.0.0.2")];
  const before = expandTemplate(template, { addresses: [one, two], isAwaited: false });
  const same = expandTemplate(template, { addresses: [one, two], isAwaited: false }, before);
  assert.equal(same.service, before.service);
  const after = expandTemplate(template, { addresses: [one, found("10.0.0.3")], isAwaited: false }, before);
  const [first, second] = [...after.instances];
  assert.equal(first?.[1], before.instances.get(first?.[0] ?? ""));
  assert.equal(before.instances.has(second?.[0] ?? ""), false);
  const heavier = expandTemplate(
    template,
    { addresses: [found("10.0.0.1", { weight: 2 }), two], isAwaited: false },
    before,
  );
  const [name = ""] = heavier.instances.keys();
  assert.notEqual(heavier.instances.get(name), before.instances.get(name), "discovery tells another weight");
  assert.equal(heavier.instances.get(name)?.declaration, before.instances.get(name)?.declaration);
});

test("A service without instances says whether its source has answered.", () => {
  const reasonOf = (isAwaited: boolean) =>
    expandTemplate(template, { addresses: [], isAwaited }).service.whenEmpty?.reason;
  assert.equal(reasonOf(true), "instances-awaited");
  assert.equal(reasonOf(false), "no-instances");
});

test("A name of an instance has twelve hexadecimal digits after the name of its template.", () => {
  assert.equal(templateNameOf("a/b/0123456789ab"), "a/b");
  for (const other of ["orders", "orders/x", "orders/0123456789a", "orders/0123456789AB", "/0123456789ab"])
    assert.equal(templateNameOf(other), undefined, other);
});

test("A target needs the placeholder of an address, and has no unknown one.", () => {
  for (const target of ["tcp://{address}", "tcp://{host}:1", "tcp://{host}:{port}"])
    assert.equal(placeholderFault(target), undefined, target);
  assert.match(placeholderFault("tcp://h:{port}") ?? "", /must have \{address\}/);
  assert.match(placeholderFault("tcp://h:1") ?? "", /must have \{address\}/);
  assert.match(placeholderFault("tcp://{addr}") ?? "", /\{addr\} is not a placeholder; known: \{address\}/);
});

describe("The table of instances", () => {
  const tableOf = (text: string, addresses: readonly FoundAddress[] = [], isAwaited = false) => {
    const config = read(text);
    return instanceTableOf(
      config,
      config.templates.map((each) => expandTemplate(each, { addresses, isAwaited })),
    );
  };
  const placesIn = (text: string) => tableOf(text).instances.map(({ check, host, port }) => `${check} ${host} ${port}`);

  test("A check with a network target is an instance, with the default port of its scheme.", () => {
    const checks = `checks: { a: "http://h/x", b: "https://h", c: "redis://h", d: "rediss://u:p@h", e: "postgres://h",
      f: "postgresql://h", g: "mysql://h", h: "amqp://h", i: "amqps://h", j: "ws://h", k: "wss://h", l: "tcp://h:7",
      m: "tls://h:7", n: { target: "udp://h:7", dialogue: [{ send: x, expect: y }] }, o: "grpc://H:7", p: "grpcs://h:7", q: "http://[::1]:8080/", r: "flower+http://h" }`;
    const ports = [80, 443, 6379, 6379, 5432, 5432, 3306, 5672, 5671, 80, 443, 7, 7, 7, 7, 7];
    assert.deepEqual(placesIn(checks), [
      ...ports.map((port, at) => `${"abcdefghijklmnop"[at]} h ${port}`),
      "q ::1 8080",
      "r h 80",
    ]);
  });

  test("Each scheme has a port in the table, or no instances.", () => {
    const without = ["unix", "http+unix", "grpc+unix", "dns", "flower+http", "flower+https"];
    assert.deepEqual([...TEMPLATE_SCHEMES, ...without].sort(), Object.keys(SCHEMES).sort());
  });

  test("A unix socket, a program, a heartbeat and a question to DNS are no instances.", () => {
    const checks = `allowExec: true
checks: { a: "unix:///run/a", b: { exec: [/bin/true] }, c: { heartbeat: { ttl: 1m, token: t } }, d: "dns:h", e: "http+unix://%2Frun%2Fa/x" }`;
    assert.deepEqual(tableOf(checks), { instances: [], services: [], awaited: new Set() });
  });

  test("An instance belongs to its own service and to all above it, but not to the server as a whole.", () => {
    const { instances, services } = tableOf(`
checks: { a: { target: "tcp://h:1", services: [named] }, b: "tcp://h:2", x: "unix:///run/a" }
services: { pair: [a, b, x], all: { any: [pair, named] }, alone: [x] }
overall: [all]`);
    const byName = Object.fromEntries(instances.map((each) => [each.check, each.services.toSorted()]));
    assert.deepEqual(byName, { a: ["a", "all", "named", "pair"], b: ["all", "b", "pair"] });
    assert.deepEqual(services.toSorted(), ["a", "all", "b", "named", "pair"]);
  });

  const TEMPLATE = `
checks: { orders: { target: "tcp://{address}", instances: { dns: h, port: 1 }, tags: [t], weight: 3, advertise: "{host}:443" } }
services: { all: [orders] }`;

  test("A check of a template belongs to the service of the template, and not to one of its own.", () => {
    const { instances, services, awaited } = tableOf(TEMPLATE, [
      found("10.0.0.1", { tags: ["u"], meta: { zone: "z" } }),
    ]);
    assert.deepEqual(
      instances.map(({ check, ...facts }) => facts),
      [{ services: ["orders", "all"], host: "10.0.0.1", port: 443, tags: ["t", "u"], meta: { zone: "z" }, weight: 3 }],
    );
    assert.deepEqual(services, ["orders", "all"]);
    assert.equal(awaited.size, 0);
  });

  test("The weight of an address counts more than that of its template.", () => {
    assert.equal(tableOf(TEMPLATE, [found("10.0.0.1", { weight: 9 })]).instances[0]?.weight, 9);
  });

  test("Every service above a template is awaited with it.", () => {
    assert.deepEqual([...tableOf(TEMPLATE, [], true).awaited], ["orders", "all"]);
    assert.deepEqual(tableOf(TEMPLATE, [], true).services, ["orders", "all"]);
  });

  test("What is advertised replaces the host, the port, or both.", () => {
    const placeOf = (advertise: string, target = "grpc://[2001:db8::1]:7/x") => {
      const text = `checks: { a: { target: "${target}", advertise: "${advertise}" } }`;
      return placesIn(text)[0];
    };
    assert.equal(placeOf("{host}:443"), "a 2001:db8::1 443");
    assert.equal(placeOf("gw.example:{port}"), "a gw.example 7");
    assert.equal(placeOf("[::1]:9"), "a ::1 9");
    assert.equal(placeOf("{host}.mesh:9", "tcp://a:1"), "a a.mesh 9");
  });

  test("What is advertised must be a host and a port.", () => {
    for (const place of [
      "{host}",
      "h",
      ":443",
      "h:0",
      "h:65536",
      "{address}",
      "{name}:1",
      "http://h:1",
      "h h:1",
      "[h]:1",
      "[{host}]:1",
    ])
      assert.match(hostPortFault(place) ?? "", /^must be HOST:PORT/, place);
    assert.match(hostPortFault("{name}:1") ?? "", /\{name\} is not a placeholder/);
  });
});
