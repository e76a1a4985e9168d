/** The webhooks of a configuration file: their settings, and every fault at its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/config/fault.js";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";
import { faultsOf, read } from "./reading.js";

const CHECKS = "checks:\n  orders: http://a/\n  broker: http://b/\nservices:\n  celery: [broker]\n";
const file = (webhooks: string) => `${CHECKS}webhooks:\n${webhooks}`;

/** The faults of one webhook, whose options stand in line 7. */
const faultsWith = (options: string) => faultsOf(file(`  ops: { ${options} }\n`));

test("a URL is a whole webhook", () => {
  assert.deepEqual(read(file("  ops: https://alerts.example/hook?key=1\n")).webhooks, [
    {
      name: "ops",
      url: "https://alerts.example/hook?key=1",
      form: "json",
      ...{ services: undefined, secret: undefined, headers: {}, tls: undefined, allowLinkLocal: false },
      ...{ sendResolved: true, delayMs: 10_000, groupWaitMs: 15_000, timeoutMs: 10_000 },
      ...{ repeatIntervalMs: undefined, repeatsAll: false },
    },
  ]);
});

test("Alertmanager gets its own path and is told again before it ends an alert by itself", () => {
  const [first, second] = read(
    file(
      "  a: { url: 'http://am:9093', form: alertmanager }\n  b: { url: 'http://am/prefix/api/v2/alerts', form: alertmanager }\n",
    ),
  ).webhooks;
  assert.equal(first?.url, "http://am:9093/api/v2/alerts");
  assert.equal(second?.url, "http://am/prefix/api/v2/alerts");
  assert.deepEqual([first?.repeatIntervalMs, first?.repeatsAll], [60_000, true]);
});

/** Options, what stands at the place of the fault, and the text of the fault. */
for (const [options, at, fault] of [
  ["form: slack", "{", ".url: is missing"],
  ["url: ftp://a/", "ftp:", ".url: must be a URL of http, https or http+unix"],
  ["url: 'http://a/#b'", "'http", ".url: must have no fragment (#...): it would not be sent"],
  [
    ...["url: 'http://169.254.169.254/'", "'http"],
    ".url: must not be a link-local address or a metadata service; allowLinkLocal: true allows it",
  ],
  ["url: 'http://u%zz@a/'", "'http", ".url: has an invalid percent-encoding in its user info"],
  ["url: 'http+unix://a/'", "'http", ".url: must be http+unix://%2Frun%2Fx.sock/path, with an absolute path"],
  [
    ...["url: 'http://a/', form: teams", "teams"],
    '.form: must be one of json, alertmanager, slack, discord; got "teams"',
  ],
  ["url: 'http://a/', delay: 2d", "2d", ".delay: must be a duration of at most 24h; got 2d"],
  ["url: 'http://a/', groupWait: 10", "10", ".groupWait: 10 has no unit (try 10s, 500ms, 1m)"],
  ["url: 'http://a/', timeout: 0s", "0s", ".timeout: must be a duration above 0 and at most 1m; got 0s"],
  ["url: 'http://a/', repeatInterval: 1s", "1s", ".repeatInterval: must be a duration of at least 1m; got 1s"],
  [
    ...["url: 'http://a/', form: alertmanager, repeatInterval: 4h", "4h"],
    ".repeatInterval: is Alertmanager's own setting (repeat_interval of its route)",
  ],
  ["url: 'http://a/', secret: short", "short", ".secret: must have at least 16 bytes"],
  ["url: 'http://a/', headers: { Webhook-Id: x }", "x }", ".headers.Webhook-Id: is set by healthbridge"],
  ["url: 'http://a/', headers: { 'a b': x }", "x }", '.headers["a b"]: is not a valid name of a header'],
  ["url: 'http://a/', tls: { verify: false }", "{ verify", ".tls: needs a URL of https"],
  ["url: 'https://a/', tls: { certFile: x.pem }", "x.pem", ".tls.certFile: needs keyFile too"],
  [
    ...["url: 'https://a/', tls: { serverName: 'a b' }", "'a b'"],
    ".tls.serverName: must be the name of a host, such as orders.example",
  ],
  [
    ...["url: 'http://a/', services: [order]", "order"],
    '.services[0]: there is no check or service "order"; did you mean orders?',
  ],
  ["url: 'http://a/', delays: 4h", "delays", ".delays: unknown key; did you mean delay?"],
] as const)
  test(`{ ${options} } is refused, at its place`, () => {
    const column = `  ops: { ${options} }`.indexOf(at) + 1;
    assert.deepEqual(faultsWith(options), [`7:${column}: webhooks.ops${fault}`]);
  });

test("a name that cannot be a label is refused", () => {
  assert.match(faultsOf(file("  'a b': http://a/\n")).join(), /^7:\d+: webhooks\["a b"\]: the name must have 1 to 64/);
});

test("at most 20 webhooks are accepted", () => {
  const many = Array.from({ length: 21 }, (_, index) => `  w${index}: http://a/\n`).join("");
  assert.match(faultsOf(file(many)).join(), /webhooks: has 21 webhooks; the limit is 20/);
});

test("names of services, the server as a whole, patterns and workers are accepted", () => {
  const services = "[orders, celery, readiness, 'ord*', 'celery.worker/one@here', '*']";
  const { webhooks, warnings } = read(file(`  ops: { url: 'http://a/', services: ${services} }\n`));
  assert.equal(webhooks[0]?.services?.length, 6);
  assert.deepEqual(warnings, []);
});

test("a pattern that matches nothing is a warning", () => {
  const { warnings } = read(file("  ops: { url: 'http://a/', services: ['acme.*', orders] }\n"));
  assert.deepEqual(warnings, ['webhooks.ops.services: "acme.*" matches no service']);
});

test("no error shows a part of a URL or a secret", () => {
  const secrets = { HOOK: "ftp://hooks.example/T0/B0/very-secret", KEY: "too-short", TOKEN: "line\nbreak-secret" };
  const text = file(
    "  a: { url: '${HOOK}', secret: '${KEY}', headers: { Authorization: '${TOKEN}' } }\n  b: ${HOOK}\n  c: { url: 'https://hooks.example/very-secret#x' }\n  d: { url: 'http://a/', headers: { Authorization: '${TOKEN}' } }\n",
  );
  const faults = faultsOf(text, secrets).join("\n");
  assert.equal(faults.split("\n").length, 4, faults);
  assert.doesNotMatch(faults, /very-secret|too-short|break-secret|hooks\.example/);
});

test("without the environment, a URL that is a secret counts as valid", () => {
  const text = file("  ops: { url: '${HOOK}', secret: '${KEY}' }\n  b: '${file:/nowhere}'\n");
  requireValid(validateConfig(readConfigText("f.yaml", text, {}, { withoutEnvironment: true })));
  assert.throws(() => read(text), ConfigError);
});
