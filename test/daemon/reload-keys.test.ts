/** Every key of the configuration, changed by a reload of a running daemon: it is applied, or the log names it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { NOTHING_RUNNING, planConfiguration } from "../../src/checks/plan.js";
import { SourceOpener } from "../../src/checks/sources.js";
import { readConfigText } from "../../src/config/load.js";
import { type LoadedConfig, validateConfig } from "../../src/config/validate.js";
import { systemClock } from "../../src/core/clock.js";
import { type Daemon, startDaemon } from "../../src/daemon/daemon.js";
import { faultsOf } from "../config/reading.js";
import { completeSettings } from "../support/complete-settings.js";
import { appliedOf, configKeys } from "../support/config-table.js";
import { MemoryStore } from "../support/fleet-memory-store.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const load = (text: string): LoadedConfig => validateConfig(readConfigText("f.yaml", text, {}));

/** A certificate, a key and a CA of tests; every value is that of the server, but for those that are given. */
const tlsOf = (more = "") => `tls: { certFile: ${pem("server.crt")}, keyFile: ${pem("server.key")}${more} }`;
const OTHER_TLS = `tls: { certFile: ${pem("client.crt")}, keyFile: ${pem("client.key")} }`;
const DISCOVERY = 'discovery: { listen: "127.0.0.1:0" }';
const AGENT = 'haproxyAgent: { listen: "127.0.0.1:0" }';
const [SECRET, OTHER_SECRET] = [pem("server.key"), pem("client.key")];
const FLEET = `fleet: { name: f, store: "redis://h", secretFile: ${SECRET}, member: m }`;
const BASE = `listen: ["127.0.0.1:0"]\nchecks: { a: "tcp://127.0.0.1:9" }\n${tlsOf()}\n${DISCOVERY}\n${AGENT}\n${FLEET}\n`;
/** A fleet with another value of a key that it has, or with one more. */
const fleet = (keys: string, store = "redis://h") =>
  BASE.replace(FLEET, `fleet: { name: f, store: "${store}", secretFile: ${SECRET}, member: m, ${keys} }`);
const fleetTls = (keys: string) => fleet(`tls: { ${keys} }`, "rediss://h");
const discovery = (keys: string) => BASE.replace(DISCOVERY, `discovery: { ${keys} }`);
const agent = (keys: string) => BASE.replace(AGENT, `haproxyAgent: { ${keys} }`);
const PROXIED = 'listen: [{ address: "127.0.0.1:0", proxyProtocol: { from: [10.0.0.1] } }]';

/** The same file with one address, as a table. */
const listenTable = (entry: string) => BASE.replace('"127.0.0.1:0"', `{ ${entry} }`);

const PAIR = `certFile: ${pem("client.crt")}, keyFile: ${pem("client.key")}`;

/** For each key with a restart: a file in which it is another one. */
const RESTARTS: Readonly<Record<string, readonly [text: string, keys: readonly string[]]>> = {
  listen: [BASE.replace("127.0.0.1:0", "127.0.0.2:0"), ["listen"]],
  "listen[].address": [listenTable('address: "127.0.0.2:0"'), ["listen"]],
  "listen[].proxyProtocol": [listenTable('address: "127.0.0.1:0", proxyProtocol: { from: [10.0.0.1] }'), ["listen"]],
  "listen[].proxyProtocol.from": [
    listenTable('address: "127.0.0.1:0", proxyProtocol: { from: [10.0.0.0/8] }'),
    ["listen"],
  ],
  tls: [BASE.replace(tlsOf(), ""), ["tls"]],
  engine: [`${BASE}engine: grpc-js`, ["engine"]],
  listenThread: [`${BASE}listenThread: true`, ["listenThread"]],
  paths: [`${BASE}paths: [/x]`, ["paths"]],
  statusCodePaths: [`${BASE}statusCodePaths: [/a/b]`, ["statusCodePaths"]],
  maxConnectionAge: [`${BASE}maxConnectionAge: 7m`, ["maxConnectionAge"]],
  stateDir: [`${BASE}stateDir: /tmp/healthbridge-state`, ["stateDir"]],
  control: [`${BASE}control: /tmp/healthbridge-control.sock`, ["control"]],
  listLimit: [`${BASE}listLimit: 7`, ["listLimit"]],
  maxWatchers: [`${BASE}maxWatchers: 7`, ["maxWatchers"]],
  page: [`${BASE}page: false`, ["page"]],
  hosts: [`${BASE}hosts: [status.example.org]`, ["hosts"]],
  historyMemory: [`${BASE}historyMemory: 7`, ["historyMemory"]],
  historyRetain: [`${BASE}historyRetain: 7d`, ["historyRetain"]],
  discovery: [BASE.replace(DISCOVERY, ""), ["listen", "consul", "xds", "prometheus"].map((key) => `discovery.${key}`)],
  "discovery.listen": [discovery('listen: "127.0.0.2:0"'), ["discovery.listen"]],
  "discovery.listen[].address": [discovery('listen: [{ address: "127.0.0.2:0" }]'), ["discovery.listen"]],
  "discovery.listen[].proxyProtocol": [discovery(PROXIED), ["discovery.listen"]],
  "discovery.listen[].proxyProtocol.from": [discovery(PROXIED), ["discovery.listen"]],
  "discovery.consul": [discovery('listen: "127.0.0.1:0", consul: false'), ["discovery.consul"]],
  "discovery.xds": [discovery('listen: "127.0.0.1:0", xds: false'), ["discovery.xds"]],
  "discovery.prometheus": [discovery('listen: "127.0.0.1:0", prometheus: false'), ["discovery.prometheus"]],
  haproxyAgent: [BASE.replace(AGENT, ""), ["haproxyAgent.listen", "haproxyAgent.weights"]],
  "haproxyAgent.listen": [agent('listen: "127.0.0.2:0"'), ["haproxyAgent.listen"]],
  "haproxyAgent.weights": [agent('listen: "127.0.0.1:0", weights: true'), ["haproxyAgent.weights"]],
  ...Object.fromEntries(
    Object.entries({
      fleet: BASE.replace(FLEET, ""),
      "fleet.name": BASE.replace("name: f", "name: g"),
      "fleet.store": fleet("", "redis://i"),
      "fleet.secretFile": BASE.replace(`secretFile: ${SECRET}`, `secretFile: ${OTHER_SECRET}`),
      "fleet.member": BASE.replace("member: m", "member: n"),
      "fleet.zone": fleet("zone: z"),
      "fleet.beat": fleet("beat: 500ms"),
      "fleet.lease": fleet("lease: 7s"),
      "fleet.settle": fleet("settle: 7s"),
      "fleet.capacity": fleet("capacity: 7"),
      "fleet.whenStoreIsGone": fleet("whenStoreIsGone: share"),
      "fleet.tls": fleetTls("verify: false"),
      "fleet.tls.caFile": fleetTls(`caFile: ${pem("ca.crt")}`),
      "fleet.tls.certFile": fleetTls(PAIR),
      "fleet.tls.keyFile": fleetTls(PAIR),
      "fleet.tls.serverName": fleetTls("serverName: x"),
      "fleet.tls.verify": fleetTls("verify: false"),
      "fleet.tls.ca": fleetTls("ca: system"),
      "fleet.tls.minVersion": fleetTls("minVersion: 1.3"),
      "fleet.tls.maxVersion": fleetTls('maxVersion: "1.2"'),
    }).map(([key, text]) => [key, [text, ["fleet"]] as const]),
  ),
};

const target = (more: string) => `checks: { a: { target: "https://h/", ${more} }, b: "tcp://h:1" }`;
const name = (answer: string) => `checks: { n: { target: "dns:h", expect: { answers: [${answer}] } } }`;
/** With an OAuth2 client, of which `more` replaces a part. */
const auth = (more: string) => {
  const parts = ["clientId: i", "clientSecret: s", 'tokenUrl: "https://h/t"'];
  const key = more.split(":")[0];
  return target(
    `auth: { ${[...parts.filter((part) => !part.startsWith(`${key}:`)), more].filter(Boolean).join(", ")} }`,
  );
};
const tlsTarget = (more: string) => `checks: { a: { target: "tls://h:1", ${more} } }`;
const tcp = (step: string) => `checks: { a: { target: "tcp://h:1", dialogue: [{ ${step} }] } }`;
const flower = (more: string) => `checks: { f: { target: "flower+http://h/", ${more} } }`;
const services = (entry: string) => `checks: { a: "tcp://h:1", b: "tcp://h:2" }\nservices: { s: ${entry} }`;
const heartbeat = (ttl: string, token: string) => `checks: { h: { heartbeat: { ttl: ${ttl}, token: ${token} } } }`;
const exec = (program: string) => `allowExec: true\nchecks: { x: { exec: [${program}] } }`;
const program = (more: string) => `allowExec: true\nchecks: { x: { exec: [/bin/true], ${more} } }`;
const grpc = (more: string) => `checks: { g: { target: "grpc://h:1", ${more} } }`;
const isolation = (entry: string) => `checks: { a: "tcp://h:1" }\nisolation: { ${entry} }`;
const SETTINGS: readonly (readonly [setting: string, value: string])[] = [
  ["interval", "7s"],
  ["timeout", "1s"],
  ["initialDelay", "1s"],
  ["jitter", "0.5"],
  ["unhealthyThreshold", "7"],
  ["healthyThreshold", "7"],
  ["edgeInterval", "1s"],
  ["unhealthyInterval", "7s"],
  ["staleAfter", "7m"],
];

/** For each key that a reload applies: a file, and the same with another value of the key. */
const AT_ONCE: Readonly<Record<string, readonly [before: string, after: string]>> = {
  checks: [target(""), `${target("").slice(0, -1)}, c: "tcp://h:3" }`],
  "checks.NAME.target": [target(""), target("").replace("h/", "i/")],
  "checks.NAME.exec": [exec("/bin/true"), exec("/bin/false")],
  "checks.NAME.heartbeat": [target(""), heartbeat("1h", "t")],
  "checks.NAME.heartbeat.ttl": [heartbeat("1h", "t"), heartbeat("2h", "t")],
  "checks.NAME.heartbeat.token": [heartbeat("1h", "t"), heartbeat("1h", "u")],
  ...Object.fromEntries(
    SETTINGS.flatMap(([setting, value]) => [
      [`checks.NAME.${setting}`, [target(""), target(`${setting}: ${value}`)]],
      [`defaults.${setting}`, [target(""), `${target("")}\ndefaults: { ${setting}: ${value} }`]],
    ]),
  ),
  defaults: [target(""), `${target("")}\ndefaults: { interval: 7s }`],
  "checks.NAME.critical": [target(""), target("critical: false")],
  "checks.NAME.startup": [target(""), target("startup: false")],
  "checks.NAME.initialState": [target(""), target("initialState: passing")],
  "checks.NAME.forgetAfter": [flower(""), flower("forgetAfter: 1m")],
  "checks.NAME.minWorkers": [flower(""), flower("minWorkers: 2")],
  "checks.NAME.group": [target(""), target("group: Shop")],
  "checks.NAME.services": [target(""), target("services: [s]")],
  "checks.NAME.expect": [target(""), target("expect: { status: [204] }")],
  "checks.NAME.expect.status": [target("expect: { status: [200] }"), target("expect: { status: [204] }")],
  "checks.NAME.expect.body": [target("expect: { body: a }"), target("expect: { body: b }")],
  "checks.NAME.expect.body.matches": [
    target("expect: { body: { matches: a } }"),
    target("expect: { body: { matches: b } }"),
  ],
  "checks.NAME.expect.headers": [target("expect: { headers: { x: a } }"), target("expect: { headers: { x: b } }")],
  "checks.NAME.expect.json": [target("expect: { json: { x: a } }"), target("expect: { json: { x: b } }")],
  "checks.NAME.expect.maxLatency": [target(""), target("expect: { maxLatency: 1s }")],
  "checks.NAME.expect.minVersion": [tlsTarget("expect: { minVersion: 1.2 }"), tlsTarget("expect: { minVersion: 1.3 }")],
  "checks.NAME.expect.warn": [program("expect: { warn: 1 }"), program("expect: { warn: [1, 2] }")],
  "checks.NAME.authority": [grpc(""), grpc("authority: orders.example")],
  "checks.NAME.metadata": [grpc("metadata: { x-a: b }"), grpc("metadata: { x-a: c }")],
  "checks.NAME.dialogue": [tcp("expect: a").replace(/, dialogue.*?\]/, ""), tcp("expect: a")],
  "checks.NAME.dialogue[].send": [tcp("send: a"), tcp("send: b")],
  "checks.NAME.dialogue[].send.hex": [tcp('send: { hex: "00" }'), tcp('send: { hex: "01" }')],
  "checks.NAME.dialogue[].expect": [tcp("expect: a"), tcp("expect: b")],
  "checks.NAME.dialogue[].expect.hex": [tcp('expect: { hex: "00" }'), tcp('expect: { hex: "01" }')],
  "checks.NAME.dialogue[].expect.matches": [tcp("expect: { matches: a }"), tcp("expect: { matches: b }")],
  "checks.NAME.dialogue[].startTls": [tcp("startTls: smtp"), tcp("startTls: imap")],
  "checks.NAME.expect.headers.NAME.matches": [
    target("expect: { headers: { x: { matches: a } } }"),
    target("expect: { headers: { x: { matches: b } } }"),
  ],
  "checks.NAME.expect.answers": [name("192.0.2.1"), name("192.0.2.2")],
  "checks.NAME.method": [target(""), target("method: HEAD")],
  "checks.NAME.body": [target("body: a"), target("body: b")],
  "checks.NAME.http2": [target(""), target("http2: true")],
  "checks.NAME.followRedirects": [target(""), target("followRedirects: same-origin")],
  "checks.NAME.auth": [target(""), auth("")],
  "checks.NAME.auth.clientId": [auth("clientId: a"), auth("clientId: b")],
  "checks.NAME.auth.clientSecret": [auth("clientSecret: a"), auth("clientSecret: b")],
  "checks.NAME.auth.tokenUrl": [auth('tokenUrl: "https://h/a"'), auth('tokenUrl: "https://h/b"')],
  "checks.NAME.auth.scopes": [auth("scopes: [a]"), auth("scopes: [b]")],
  "checks.NAME.auth.audience": [auth("audience: a"), auth("audience: b")],
  "checks.NAME.auth.method": [auth(""), auth("method: client_secret_post")],
  "checks.NAME.reuse": [target(""), target("reuse: false")],
  "checks.NAME.maxConnectionAge": [target(""), target("maxConnectionAge: 1m")],
  "checks.NAME.user": [target(""), target("user: a")],
  "checks.NAME.password": [target("password: a"), target("password: b")],
  "checks.NAME.headers": [target(""), target("headers: { x: y }")],
  "checks.NAME.tls": [target(""), target("tls: { verify: false }")],
  "checks.NAME.tls.caFile": [target(""), target(`tls: { caFile: ${pem("ca.crt")} }`)],
  "checks.NAME.tls.certFile": [target(""), target(`tls: { ${PAIR} }`)],
  "checks.NAME.tls.keyFile": [target(""), target(`tls: { ${PAIR} }`)],
  "checks.NAME.tls.serverName": [target(""), target("tls: { serverName: x }")],
  "checks.NAME.tls.verify": [target(""), target("tls: { verify: false }")],
  "checks.NAME.tls.ca": [target(""), target("tls: { ca: system }")],
  "checks.NAME.tls.minVersion": [target(""), target("tls: { minVersion: 1.3 }")],
  "checks.NAME.tls.maxVersion": [target(""), target('tls: { maxVersion: "1.2" }')],
  "checks.NAME.tls.warnBefore": [target(""), target("tls: { warnBefore: 1h }")],
  services: [services("[a]"), services("[b]")],
  "services.NAME.all": [services("{ all: [a] }"), services("{ all: [b] }")],
  "services.NAME.any": [services("{ any: [a] }"), services("{ any: [b] }")],
  "services.NAME.quorum": [services("{ quorum: 1, of: [a, b] }"), services("{ quorum: 2, of: [a, b] }")],
  "services.NAME.of": [services("{ quorum: 1, of: [a] }"), services("{ quorum: 1, of: [b] }")],
  overall: [target(""), `${target("")}\noverall: [b]`],
  isolation: [target(""), isolation('selfCheck: "tcp://h:1"')],
  "isolation.selfCheck": [isolation('selfCheck: "tcp://h:1"'), isolation('selfCheck: "tcp://h:2"')],
  "isolation.maxHold": [isolation('selfCheck: "tcp://h:1"'), isolation('selfCheck: "tcp://h:1", maxHold: 7s')],
  allowLinkLocal: [target(""), `${target("")}\nallowLinkLocal: true`],
};

const recovery = (more: string) =>
  `allowExec: true\nchecks: { a: "tcp://h:1", b: "tcp://h:2" }\nrecovery: { r: { ${more} } }`;
const rule = (more: string) => recovery(`exec: [/bin/true], services: [a], ${more}`);

/** For each key of recovery: a file, and the same with another value of the key. */
const RECOVERY: Readonly<Record<string, readonly [before: string, after: string]>> = {
  recovery: [target(""), rule("")],
  "recovery.NAME.exec": [rule(""), recovery("exec: [/bin/false], services: [a]")],
  "recovery.NAME.services": [rule(""), recovery("exec: [/bin/true], services: [b]")],
  "recovery.NAME.after": [rule(""), rule("after: 1s")],
  "recovery.NAME.timeout": [rule(""), rule("timeout: 1s")],
  "recovery.NAME.cooldown": [rule(""), rule("cooldown: 1s")],
  "recovery.NAME.maxRuns": [rule(""), rule("maxRuns: 1")],
  "recovery.NAME.window": [rule(""), rule("window: 2h")],
  "recovery.NAME.maxShare": [rule(""), rule("maxShare: 1")],
  "recovery.NAME.maxFailing": [rule(""), rule("maxFailing: 1")],
};

const hook = (more: string) => `${target("")}\nwebhooks: { w: { url: "https://h/", ${more} } }`;

/** The same of webhooks, which compare their settings: `hooks/webhooks.test.ts` tests the effect. */
const WEBHOOKS: Readonly<Record<string, readonly [before: string, after: string]>> = {
  webhooks: [target(""), hook("")],
  "webhooks.NAME.url": [hook(""), hook("").replaceAll("https://h/", "https://i/")],
  "webhooks.NAME.form": [hook(""), hook("form: slack")],
  "webhooks.NAME.services": [hook(""), hook("services: [a]")],
  "webhooks.NAME.delay": [hook(""), hook("delay: 7s")],
  "webhooks.NAME.groupWait": [hook(""), hook("groupWait: 7s")],
  "webhooks.NAME.repeatInterval": [hook(""), hook("repeatInterval: 7m")],
  "webhooks.NAME.sendResolved": [hook(""), hook("sendResolved: false")],
  "webhooks.NAME.timeout": [hook(""), hook("timeout: 7s")],
  "webhooks.NAME.secret": [hook(""), hook("secret: 0123456789abcdef")],
  "webhooks.NAME.headers": [hook(""), hook("headers: { x: y }")],
  "webhooks.NAME.tls": [hook(""), hook("tls: { verify: false }")],
  "webhooks.NAME.tls.caFile": [hook(""), hook(`tls: { caFile: ${pem("ca.crt")} }`)],
  "webhooks.NAME.tls.certFile": [hook(""), hook(`tls: { ${PAIR} }`)],
  "webhooks.NAME.tls.keyFile": [hook(""), hook(`tls: { ${PAIR} }`)],
  "webhooks.NAME.tls.serverName": [hook(""), hook("tls: { serverName: x }")],
  "webhooks.NAME.tls.verify": [hook(""), hook("tls: { verify: false }")],
  "webhooks.NAME.tls.ca": [hook(""), hook("tls: { ca: system }")],
  "webhooks.NAME.tls.minVersion": [hook(""), hook("tls: { minVersion: 1.3 }")],
  "webhooks.NAME.tls.maxVersion": [hook(""), hook('tls: { maxVersion: "1.2" }')],
};

const instances = (source: string, more = "") =>
  `checks: { o: { target: "tcp://{address}", instances: { ${source} } ${more} } }`;
const DNS = "dns: h, port: 1";
const advertised = (more: string) => `checks: { a: { target: "tcp://h:1" ${more} } }`;

/** The same of instances: `daemon/instances.test.ts` tests the effect. */
const INSTANCES: Readonly<Record<string, readonly [before: string, after: string]>> = {
  "checks.NAME.instances": [target(""), instances(DNS)],
  "checks.NAME.instances.dns": [instances(DNS), instances("dns: i, port: 1")],
  "checks.NAME.instances.port": [instances(DNS), instances("dns: h, port: 2")],
  "checks.NAME.instances.srv": [instances("srv: h"), instances("srv: i")],
  "checks.NAME.instances.file": [instances("file: h"), instances("file: i")],
  "checks.NAME.instances.refresh": [instances(DNS), instances(`${DNS}, refresh: 1s`)],
  "checks.NAME.instances.hashKey": [instances(DNS), instances(`${DNS}, hashKey: k`)],
  "checks.NAME.policy": [instances(DNS), instances(DNS, ", policy: all")],
  "checks.NAME.policy.quorum": [instances(DNS, ", policy: { quorum: 1 }"), instances(DNS, ", policy: { quorum: 2 }")],
  "checks.NAME.advertise": [advertised(""), advertised(', advertise: "{host}:2"')],
  "checks.NAME.tags": [advertised(""), advertised(", tags: [a]")],
  "checks.NAME.weight": [advertised(""), advertised(", weight: 2")],
};

const shared = (ofFleet: string, ofCheck = "") =>
  `${fleet(ofFleet).replace('a: "tcp://127.0.0.1:9"', `a: { target: "tcp://h:9" ${ofCheck} }`)}`;

/** The same of how checks are shared: `daemon/fleet.test.ts` tests the effect. */
const SHARING: Readonly<Record<string, readonly [before: string, after: string]>> = {
  "fleet.copies": [shared(""), shared("copies: 3")],
  "fleet.agree": [shared("copies: 3"), shared("copies: 3, agree: 1")],
  "checks.NAME.scope": [shared(""), shared("", ", scope: each")],
  "checks.NAME.copies": [shared(""), shared("", ", copies: 3")],
  "checks.NAME.agree": [shared(""), shared("", ", agree: 1")],
};

/** Keys whose effect is tested elsewhere: `cli/reload.test.ts`, `cli/rotation.test.ts`, `cli/tls-rules.test.ts`, and below. */
const OTHERS = [
  ...["drainDelay", "allowExec", "tls.certFile", "tls.keyFile", "tls.clientCaFile", "tokenFile"],
  "discovery.tokenFile",
  ...["tls.allowClients", "tls.allowClients.dns", "tls.allowClients.uri", "tls.minVersion"],
];

/** Whether the plan of a reload does anything. */
function changesChecks(beforeText: string, afterText: string): boolean {
  const { checks, services: declared, isolation: rule, allowLinkLocal } = load(beforeText).config;
  const running = {
    ...NOTHING_RUNNING,
    ...{ services: declared, isolation: rule, allowLinkLocal },
    checks: new Map(
      checks.map((declaration) => [declaration.name, { declaration, settings: completeSettings("x", {}) }]),
    ),
  };
  const { plan, violations } = planConfiguration(running, load(afterText).config, new SourceOpener());
  assert.deepEqual(violations, []);
  const { started, changed, removed } = plan;
  return (
    started.length + changed.length + removed.length > 0 ||
    plan.services !== undefined ||
    plan.isolation.kind !== "keep"
  );
}

describe("a key that is changed by a reload", () => {
  const logged: { event: string; keys: readonly string[] }[] = [];
  const log = {
    write: (_: string, event: string, __: string, fields: object = {}) =>
      void logged.push({ event, keys: "keys" in fields && Array.isArray(fields.keys) ? fields.keys : [] }),
    close() {},
  };
  let daemon: Daemon | undefined;
  before(async () => {
    daemon = await startDaemon(load(BASE), {
      instance: "reload-keys",
      log,
      environment: {},
      openFleetStore: async () => new MemoryStore(systemClock).connect(),
    });
  });
  after(() => daemon?.stop({ drainDelayMs: 0 }));

  const restartKeys = async (text: string) => {
    logged.length = 0;
    await daemon?.reload(load(text).config);
    return logged.filter(({ event }) => event === "restart-needed").flatMap(({ keys }) => keys);
  };

  test("tls.certFile and tls.keyFile are applied at once; a client CA that is added needs a restart", async () => {
    assert.deepEqual(await restartKeys(BASE.replace(tlsOf(), OTHER_TLS)), []);
    const withCa = BASE.replace(tlsOf(), tlsOf(`, clientCaFile: ${pem("ca.crt")}`));
    assert.deepEqual(await restartKeys(withCa), ["tls.clientCaFile"]);
    assert.deepEqual(await restartKeys(BASE), [], "the value of the start is back");
  });

  test("is in one of the tables of this test", () => {
    const tables = [RESTARTS, AT_ONCE, RECOVERY, WEBHOOKS, INSTANCES, SHARING];
    const tested = [...tables.flatMap((table) => Object.keys(table)), ...OTHERS].sort();
    const paths = configKeys().map(([path]) => path);
    assert.deepEqual(tested, [...paths].sort());
    assert.deepEqual(
      Object.keys(RESTARTS).sort(),
      paths.filter((path) => appliedOf(path) === "after a restart").sort(),
    );
  });

  for (const [key, [text, keys]] of Object.entries(RESTARTS)) {
    test(`${key} is named in the log, to restart`, async () => {
      assert.deepEqual(faultsOf(text), []);
      assert.deepEqual(await restartKeys(text), keys);
      assert.deepEqual(await restartKeys(BASE), [], "the value of the start is back");
    });
  }

  for (const [key, [first, second]] of Object.entries(AT_ONCE))
    test(`${key} is applied at once`, () => {
      assert.deepEqual([...faultsOf(first), ...faultsOf(second)], []);
      assert.ok(changesChecks(first, second), "another value changes what runs");
      assert.ok(!changesChecks(first, first), "the same value changes nothing");
    });

  for (const [key, [first, second]] of Object.entries(RECOVERY))
    test(`${key} gives other rules to the recovery, which a reload replaces`, () => {
      assert.deepEqual([...faultsOf(first), ...faultsOf(second)], []);
      assert.notDeepEqual(load(first).config.recovery, load(second).config.recovery);
    });

  for (const [key, [first, second]] of Object.entries(INSTANCES))
    test(`${key} is applied at once`, () => {
      const of = (text: string) => {
        const { templates, advertisements } = load(text).config;
        return { templates, advertisements };
      };
      assert.deepEqual([...faultsOf(first), ...faultsOf(second)], []);
      assert.notDeepEqual(of(first), of(second));
    });

  for (const [key, [first, second]] of Object.entries(SHARING))
    test(`${key} is applied at once`, async () => {
      assert.deepEqual([...faultsOf(first), ...faultsOf(second)], []);
      assert.notDeepEqual(load(first).config.fleet?.sharing, load(second).config.fleet?.sharing);
      assert.deepEqual(await restartKeys(second), []);
      assert.deepEqual(await restartKeys(BASE), []);
    });

  for (const [key, [first, second]] of Object.entries(WEBHOOKS))
    test(`${key} is applied at once`, () => {
      assert.deepEqual([...faultsOf(first), ...faultsOf(second)], []);
      assert.notDeepEqual(load(first).config.webhooks, load(second).config.webhooks);
    });

  test("allowExec is applied at once", () => {
    assert.deepEqual(faultsOf(exec("/bin/true")), []);
    assert.equal(faultsOf(exec("/bin/true").replace("allowExec: true", "")).length, 1);
  });
});
