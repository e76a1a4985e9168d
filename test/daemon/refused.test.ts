/** A configuration that is refused changes nothing, and one that is accepted is taken over in one step. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/daemon/health.js";
import { parseConfig } from "../config/reading.js";
import { eventually } from "../support/eventually.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** A target that answers 500 below `/down` and 200 elsewhere, and counts the connections. */
async function targetOf(t: TestContext) {
  let connections = 0;
  const server = createServer((request, response) => {
    response.statusCode = request.url?.startsWith("/down") ? 500 : 200;
    response.end();
  });
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  // a server that listens on TCP has such an address
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, connections: () => connections };
}

/** A health that runs a configuration, and is gone when the test is. */
function healthOf(t: TestContext, text: string): Health {
  const health = new Health();
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  health.configure(parseConfig("f.yaml", text, {}));
  return health;
}

/** Reloads as the daemon does. Returns whether the configuration was accepted. */
function reload(health: Health, text: string): boolean {
  try {
    health.configure(parseConfig("f.yaml", text, {}));
    return true;
  } catch (error) {
    if (error instanceof HealthError) return false;
    throw error;
  }
}

/** Whether `validate` accepts a text. */
function isValid(text: string): boolean {
  try {
    parseConfig("f.yaml", text, {});
    return true;
  } catch (error) {
    if (error instanceof HealthError) return false;
    throw error;
  }
}

/** What changes from now on, in order. */
function transitionsOf(health: Health): readonly string[] {
  const changes: string[] = [];
  health.onTransition(({ subject, name, from, to }) => changes.push(`${subject} ${name}: ${from} -> ${to}`));
  return changes;
}

const report = (health: Health, check: string, token: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer((request, response) => health.middleware()(request, response, () => {}));
    server.listen(0, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${Object(server.address()).port}/heartbeat/${check}`;
      fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}`, connection: "close" } })
        .then(({ status }) => resolve(status), reject)
        .finally(() => server.close());
    });
  });

/** Commands that are refused, also where the caller has no types. */
const EXEC_REFUSED: readonly unknown[] = [
  ...["rm -rf /tmp/x", "", null, undefined, {}, 5, [], [""], [null], ["a", 1], ["a", undefined], new Array(3)],
  ...[["a\0b"], ["a", "b\0"], ["a", "x".repeat(200_000)], Array(100_000).fill("a")],
];

const NO_TARGETS: readonly unknown[] = [null, undefined, 42, true, Symbol("target"), 1n];

/** A value as a caller without types passes it. */
const untyped = (value: unknown) => value as string;

describe("a configuration that is refused", () => {
  // each beside a good change, which must not be applied either
  const rows: readonly (readonly [label: string, text: string])[] = [
    [
      "a heartbeat with a timeout above its ttl",
      "checks: { n: URL, b: { heartbeat: { ttl: 3s, token: t }, timeout: 5s } }",
    ],
    ["a heartbeat with an interval", "checks: { n: URL, b: { heartbeat: { ttl: 3s, token: t }, interval: 5s } }"],
    [
      "a heartbeat with an expected answer",
      "checks: { n: URL, b: { heartbeat: { ttl: 3s, token: t }, expect: { body: x } } }",
    ],
    [
      "a program with an expected answer",
      "allowExec: true\nchecks: { n: URL, b: { exec: [/bin/true], expect: { body: x } } }",
    ],
    [
      "a program with request headers",
      "allowExec: true\nchecks: { n: URL, b: { exec: [/bin/true], headers: { x: y } } }",
    ],
    ["a check under the self-check's name", "checks: { n: URL, self-check: URL }"],
    ["the same beside an isolation rule", 'isolation: { selfCheck: "tcp://h:1" }\nchecks: { n: URL, self-check: URL }'],
    ["a check's service that is another check", "checks: { n: { target: URL, services: [m] }, m: URL }"],
    ["the same the other way round", "checks: { n: URL, m: { target: URL, services: [n] } }"],
    ["a service with a check's name", "checks: { n: URL, m: URL }\nservices: { n: [m] }"],
    ["a service that a check makes", "checks: { n: { target: URL, services: [s] } }\nservices: { s: [n] }"],
    ["services that form a cycle", "checks: { n: URL }\nservices: { s: [t, n], t: [s] }"],
    ["a threshold of nothing", "checks: { n: URL, m: { target: URL, unhealthyThreshold: 0 } }"],
    [
      "a default timeout above a check's interval",
      "defaults: { timeout: 5s }\nchecks: { n: URL, m: { target: URL, interval: 1s } }",
    ],
    ["an isolation rule with a bad target", 'isolation: { selfCheck: "ftp://h" }\nchecks: { n: URL }'],
    ["a pattern that is none", "checks: { n: URL, m: { target: URL, expect: { body: { matches: '(' } } } }"],
    ["an option that the scheme does not have", 'checks: { n: URL, m: { target: "tcp://h:1", reuse: false } }'],
  ];
  for (const [label, text] of rows)
    test(`${label}: changes nothing, is refused by validate too, and a corrected one is accepted`, async (t) => {
      const { url } = await targetOf(t);
      const put = (template: string) => template.replaceAll("URL", `"${url}"`);
      const before = `checks: { a: "${url}/down", b: "${url}" }\nservices: { s: { any: [a, b] } }`;
      const health = healthOf(t, `${before}\noverall: [a]`);
      await eventually(() => health.status("a") === "NOT_SERVING" && health.status("b") === "SERVING", "first results");
      const transitions = transitionsOf(health);
      const statuses = [...health.list()];
      assert.equal(reload(health, put(text)), false, "it is refused");
      assert.equal(isValid(put(text)), false, "validate refuses it");
      assert.deepEqual([...health.list()], statuses);
      assert.deepEqual(transitions, []);
      assert.equal(reload(health, `${before.replace("checks: {", `checks: { n: "${url}",`)}`), true, "a corrected one");
      await eventually(() => health.status("n") === "SERVING", "the corrected one runs");
      assert.deepEqual(
        [health.status("a"), health.status("b"), health.status("s")],
        ["NOT_SERVING", "SERVING", "SERVING"],
      );
    });

  test("of the library changes nothing, and the next one is accepted", async (t) => {
    const { url } = await targetOf(t);
    const health = healthOf(t, `checks: { a: "${url}/down" }\nservices: { s: [a] }`);
    await eventually(() => health.status("s") === "NOT_SERVING", "the first result");
    const statuses = [...health.list()];
    const refused: readonly (readonly [code: string, call: () => unknown])[] = [
      ["DUPLICATE_NAME", () => health.check("a", url)],
      ["DUPLICATE_NAME", () => health.check("s", url)],
      ["DUPLICATE_NAME", () => health.check("self-check", url)],
      ["DUPLICATE_NAME", () => health.check("n", url, { services: ["a"] })],
      ["DUPLICATE_NAME", () => health.check("n", url, { services: ["s"] })],
      ["INVALID_SERVICE_NAME", () => health.check("n", url, { services: [""] })],
      ["INVALID_TARGET", () => health.check("n", "ftp://h")],
      ["INVALID_OPTION", () => health.check("n", url, { timeout: "10s" })],
      ["INVALID_OPTION", () => health.check("n", { exec: ["/bin/true"] }, { headers: { x: "y" } })],
      ...EXEC_REFUSED.map((exec) => ["INVALID_OPTION", () => health.check("n", untyped({ exec }))] as const),
      ...NO_TARGETS.map((target) => ["INVALID_TARGET", () => health.check("n", untyped(target))] as const),
      ["INVALID_TARGET", () => health.isolate({ selfCheck: untyped(null) })],
      ["INVALID_OPTION", () => health.isolate({ selfCheck: untyped({ exec: "true" }) })],
      ["INVALID_OPTION", () => health.heartbeat("n", { ttl: "0s" })],
      ["INVALID_OPTION", () => health.heartbeat("n", { ttl: "1m", staleAfter: "soon" })],
      ["DUPLICATE_NAME", () => health.heartbeat("s", { ttl: "1m" })],
      ["DUPLICATE_NAME", () => health.declareServices([{ name: "a", policy: { kind: "all" }, members: ["a"] }])],
      ["INVALID_OPTION", () => health.declareServices([{ name: "x", policy: { kind: "all" }, members: ["x"] }])],
      ["INVALID_OPTION", () => health.declareServices([{ name: "x", policy: { kind: "all" }, members: [] }])],
      // @ts-expect-error as a caller without types
      ["INVALID_OPTION", () => health.declareServices([{ name: "x", members: ["a"] }])],
      ["INVALID_OPTION", () => health.declareServices([{ name: "x", policy: { kind: "all" }, members: [""] }])],
      [
        "INVALID_OPTION",
        () => health.declareServices([{ name: "x", policy: { kind: "quorum", count: 2 }, members: ["a"] }]),
      ],
      ["INVALID_TARGET", () => health.isolate({ selfCheck: "ftp://h" })],
      ["INVALID_OPTION", () => health.isolate({ selfCheck: "tcp://h:1", maxHold: "soon" })],
    ];
    for (const [code, call] of refused) {
      assert.throws(call, { code }, call.toString());
      assert.deepEqual([...health.list()], statuses, call.toString());
    }
    health.check("n", url);
    await eventually(() => health.status("n") === "SERVING", "the next one runs");
  });
});

describe("a configuration that is accepted", () => {
  test("starts a changed check at once, also after ten reloads", async (t) => {
    const { url } = await targetOf(t);
    const health = healthOf(t, `checks: { a: { target: "${url}/0", interval: 1h } }`);
    for (let round = 1; round <= 15; round += 1) {
      assert.ok(reload(health, `checks: { a: { target: "${url}/${round}", interval: 1h } }`));
      await eventually(() => health.status("a") === "SERVING", `the first probe after reload ${round}`, 5_000);
    }
  });

  test("makes a service of a removed check's name, and the reverse, and no state in between is published", async (t) => {
    const { url } = await targetOf(t);
    const health = healthOf(t, `checks: { a: "${url}", x: "${url}" }\nservices: { y: [a] }`);
    await eventually(() => health.status("x") === "SERVING" && health.status("y") === "SERVING", "first results");
    const transitions = transitionsOf(health);
    assert.ok(reload(health, `checks: { a: "${url}", y: "${url}/2" }\nservices: { x: [a] }`));
    assert.deepEqual(
      transitions.filter((text) => text.startsWith("service")),
      ["service y: SERVING -> UNKNOWN", "service : SERVING -> UNKNOWN"],
    );
    assert.equal(health.status("x"), "SERVING");
  });

  test("replaces a heartbeat by a target of its name, and the old token reports no more", async (t) => {
    const { url } = await targetOf(t);
    const health = healthOf(t, "checks: { a: { heartbeat: { ttl: 1h, token: secret } } }");
    assert.equal(await report(health, "a", "secret"), 200);
    await eventually(() => health.status("a") === "SERVING", "the report counts");
    assert.ok(reload(health, `checks: { a: { target: "${url}/down" } }`));
    assert.equal(health.status("a"), "SERVING", "for a moment");
    await eventually(() => health.status("a") === "NOT_SERVING", "the target's first result");
    assert.equal(await report(health, "a", "secret"), 401);
    assert.ok(reload(health, "checks: { a: { heartbeat: { ttl: 1h, token: other } } }"));
    assert.equal(health.status("a"), "NOT_SERVING", "for a moment");
    assert.deepEqual([await report(health, "a", "secret"), await report(health, "a", "other")], [401, 200]);
  });

  test("keeps the state of a heartbeat whose token, services or thresholds alone have changed", async (t) => {
    const health = healthOf(t, "checks: { a: { heartbeat: { ttl: 1h, token: old } } }");
    assert.equal(await report(health, "a", "old"), 200);
    await eventually(() => health.status("a") === "SERVING", "the report counts");
    const transitions = transitionsOf(health);
    assert.ok(
      reload(health, "checks: { a: { heartbeat: { ttl: 1h, token: new }, services: [s], unhealthyThreshold: 2 } }"),
    );
    assert.deepEqual([health.status("a"), health.status("s")], ["SERVING", "SERVING"]);
    assert.deepEqual(transitions, ["service s: SERVICE_UNKNOWN -> SERVING"]);
    assert.deepEqual([await report(health, "a", "old"), await report(health, "a", "new")], [401, 200]);
  });

  test("keeps heartbeats and programs when link-local targets are allowed or forbidden", async (t) => {
    const checks = "checks: { a: { heartbeat: { ttl: 1h, token: t } }, b: { exec: [/bin/true], interval: 1h } }";
    const health = healthOf(t, `allowExec: true\n${checks}`);
    assert.equal(await report(health, "a", "t"), 200);
    await eventually(() => health.status("a") === "SERVING" && health.status("b") === "SERVING", "first results");
    const transitions = transitionsOf(health);
    assert.ok(reload(health, `allowExec: true\nallowLinkLocal: true\n${checks}`));
    assert.deepEqual([health.status("a"), health.status("b")], ["SERVING", "SERVING"]);
    assert.deepEqual(transitions, []);
  });

  test("takes the same URL with other TLS for another target", async (t) => {
    const { url, connections } = await targetOf(t);
    const secure = url.replace("http", "https");
    const checkOf = (tls: string) => `checks: { a: { target: "${secure}", interval: 1h, tls: { ${tls} } } }`;
    const health = healthOf(t, checkOf("verify: false"));
    await eventually(() => health.status("a") === "NOT_SERVING", "the first result");
    const before = connections();
    assert.ok(reload(health, checkOf(`caFile: ${pem("ca.crt")}`)));
    await eventually(() => connections() > before, "it is probed at once");
  });

  test("never opens the startup view while checks are exchanged", async (t) => {
    const health = healthOf(t, "checks: { a: { heartbeat: { ttl: 1h, token: t }, startup: true } }");
    const seen: (string | undefined)[] = [];
    health.onTransition(({ name, to }) => name === "startup" && seen.push(to));
    assert.ok(reload(health, "checks: { b: { heartbeat: { ttl: 1h, token: t }, startup: true } }"));
    assert.deepEqual([health.status("startup"), seen], ["UNKNOWN", []]);
  });

  test("is published when it is complete: a listener of the first transition reads the last status already", async (t) => {
    const health = healthOf(t, 'checks: { a: "tcp://127.0.0.1:9", b: "tcp://127.0.0.1:9" }');
    const read: unknown[] = [];
    health.onTransition(() =>
      read.push([health.status("a"), health.status("c"), health.status("s"), health.list().size]),
    );
    assert.ok(reload(health, 'checks: { b: "tcp://127.0.0.1:9", c: "tcp://127.0.0.1:9" }\nservices: { s: [b, c] }'));
    assert.ok(read.length > 0);
    for (const each of read) assert.deepEqual(each, [undefined, "UNKNOWN", "UNKNOWN", 4]);
  });
});

test("an option of Health that does not exist is refused with the nearest one", () => {
  for (const [options, expected] of [
    [{ foo: 1 }, /"foo" is not an option of Health; known: startsReady, startsEmpty, instance, metrics, /],
    [{ metric: true }, /"metric" is not an option of Health; did you mean metrics\?/],
    [{ maxWatcher: 1, listLimit: 5 }, /did you mean maxWatchers\?/],
  ] as const)
    assert.throws(
      () => new Health(options as object),
      (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && expected.test(error.message),
    );
});

test("services that are no list are refused", () => {
  for (const services of [{}, "a", null, new Set()])
    assert.throws(
      // callers may have no types
      () => new Health().declareServices(services as never),
      (error) => error instanceof HealthError && /^declareServices: expected a list of/.test(error.message),
    );
});
