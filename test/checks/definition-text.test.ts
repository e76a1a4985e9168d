/** A check as one text: what makes it another one, and what does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckOptions } from "../../src/checks/check-options.js";
import type { CheckSource } from "../../src/checks/declarations.js";
import { definitionText } from "../../src/checks/definition-text.js";
import { checkOptions } from "../../src/checks/option-rules.js";
import { Authorities, nodeCertificates } from "../../src/client/authorities.js";
import { PROBER_OPTIONS } from "../../src/probers/options.js";
import { ScriptedProber } from "./scripted-prober.js";

const URL_SOURCE: CheckSource = { kind: "target", url: "https://db.example/" };
const PEMS = nodeCertificates().map(String);

function textOf(options: CheckOptions = {}, source: CheckSource = URL_SOURCE, name = "c"): string {
  const declaration = { name, source, options };
  return definitionText(declaration, checkOptions(declaration).settings);
}

const target = (url: string): CheckSource => ({ kind: "target", url });

/** Options that mean the same. */
const SAME: readonly (readonly [string, CheckOptions, CheckOptions])[] = [
  ["keys in another order", { headers: { a: "1", b: "2" }, user: "u" }, { user: "u", headers: { b: "2", a: "1" } }],
  [
    "keys of an expectation in another order",
    { expect: { json: { a: 1, b: 2 } } },
    { expect: { json: { b: 2, a: 1 } } },
  ],
  ["the default of a duration", {}, { interval: "10s", timeout: 2_000, staleAfter: "32s" }],
  ["a duration in another unit", { interval: "1m" }, { interval: 60_000 }],
  ["a threshold that is the default", {}, { unhealthyThreshold: 3, healthyThreshold: 2, edgeInterval: "2s" }],
  ["options that are undefined", {}, { user: undefined, expect: { status: undefined } }],
  ["the defaults of a connection", {}, { reuse: true, maxConnectionAge: "5m", http2: false }],
  ["the default of the statuses", {}, { expect: { status: "200-299" } }],
  ["the default of the method", {}, { method: "GET" }],
  ["the default of the method with a body", { body: "x" }, { body: "x", method: "POST" }],
  ["the defaults of TLS", { tls: {} }, { tls: { verify: true, minVersion: 1.2, warnBefore: "14d" } }],
  [
    "a version as a number",
    { tls: { minVersion: 1, maxVersion: 1.3 } },
    { tls: { minVersion: "1.0", maxVersion: "1.3" } },
  ],
  ["the first probe at another time", {}, { initialDelay: "5s", jitter: 0.5 }],
  ["another use of the results", {}, { critical: false, startup: false, services: ["s"], group: "g" }],
  ["another state before the first result", {}, { initialState: "passing" }],
  ["the client certificate of each member", { tls: { cert: "A", key: "B" } }, { tls: { cert: "C", key: "D" } }],
];
for (const [title, one, other] of SAME)
  test(`no other check: ${title}`, () => assert.equal(textOf(one), textOf(other)));

/** One change each. Each option of a prober is in it. */
const CHANGES: readonly CheckOptions[] = [
  { interval: "11s" },
  { timeout: "1s" },
  { edgeInterval: "1s" },
  { unhealthyInterval: "20s" },
  { unhealthyThreshold: 2 },
  { healthyThreshold: 3 },
  { staleAfter: "1m" },
  { forgetAfter: "1m" },
  { expect: { maxLatency: "1s" } },
  { expect: { status: 204 } },
  { expect: { status: [200, 204] } },
  { expect: { status: [204, 200] } },
  { expect: { body: "ok" } },
  { expect: { body: { matches: "ok" } } },
  { expect: { headers: { "x-a": "1" } } },
  { expect: { headers: { "x-a": null } } },
  { expect: { json: { "a.b": 1 } } },
  { expect: { json: { "a.b": "1" } } },
  { expect: { answers: ["10.0.0.1"] } },
  { expect: { warn: 1 } },
  { expect: { minVersion: 1.3 } },
  { reuse: false },
  { maxConnectionAge: "1m" },
  { user: "u" },
  { password: "u" },
  { headers: { a: "1" } },
  { headers: { a: "2" } },
  { metadata: { a: "1" } },
  { authority: "a" },
  { tls: {} },
  { tls: { serverName: "a" } },
  { tls: { verify: false } },
  { tls: { minVersion: 1.3 } },
  { tls: { maxVersion: 1.3 } },
  { tls: { warnBefore: 0 } },
  { tls: { ca: "system" } },
  { tls: { ca: PEMS[0] } },
  { tls: { ca: new Authorities(PEMS[0] ?? assert.fail()) } },
  { tls: { ca: new Authorities(PEMS[1] ?? assert.fail()) } },
  { dialogue: [{ send: "a" }, { expect: "b" }] },
  { dialogue: [{ expect: "b" }, { send: "a" }] },
  { dialogue: [{ send: { hex: "61" } }] },
  { method: "HEAD" },
  { body: "GET" },
  { http2: true },
  { http2: "prior-knowledge" },
  { followRedirects: "same-origin" },
  { auth: { clientId: "a", clientSecret: "b", tokenUrl: "https://a/" } },
  { auth: { clientId: "a", clientSecret: "c", tokenUrl: "https://a/" } },
  { minWorkers: 2 },
];
test("each option that a probe or a threshold depends on makes another check", () => {
  const texts = [{}, ...CHANGES].map((options) => textOf(options));
  for (const [index, text] of texts.entries())
    assert.equal(texts.indexOf(text), index, JSON.stringify([{}, ...CHANGES][index]));
  const changed = new Set(CHANGES.flatMap((options) => Object.keys(options)));
  for (const option of Object.keys(PROBER_OPTIONS)) assert.ok(changed.has(option), option);
});

test("each source is another check, in whatever way its address is written", () => {
  const sources: readonly CheckSource[] = [
    target("http://db.example/"),
    target("http://db.example/a"),
    target("http://db.example:81/"),
    target("http://u:p@db.example/"),
    target("http://u:q@db.example/"),
    target("tcp://[fe80::1%eth0]:1"),
    target("tcp://[fe80::1%eth1]:1"),
    { kind: "exec", command: ["/bin/a", "b"] },
    { kind: "exec", command: ["/bin/a", "b", ""] },
    { kind: "function", call: () => true },
    { kind: "heartbeat", ttl: "1m", token: "t" },
    { kind: "prober", prober: new ScriptedProber(() => 0) },
  ];
  assert.equal(new Set(sources.map((source) => textOf({}, source))).size, sources.length);
  const same = ["http://db.example", "HTTP://DB.example:80/"].map((url) => textOf({}, target(url)));
  assert.deepEqual(same, [textOf({}, target("http://db.example/")), same[0]]);
});

test("the name of a check, and the token and the ttl of a heartbeat, are not in its text", () => {
  assert.equal(textOf({}, URL_SOURCE, "a"), textOf({}, URL_SOURCE, "b"));
  const beat = (token: string, ttl: string): CheckSource => ({ kind: "heartbeat", ttl, token });
  assert.equal(textOf({}, beat("one", "1m")), textOf({}, beat("other", "1d")));
});

test("the text is stable: members of two versions compare it", () => {
  const options: CheckOptions = { user: "u", expect: { body: "ok", maxLatency: "1s" }, tls: { ca: "system" } };
  assert.equal(
    textOf(options),
    '{"source":["target","https://db.example/"],"options":{"expect":{"body":"ok"},"method":"GET","tls":{"ca":"system"},"user":"u"},' +
      '"settings":[10000,2000,2000,10000,3,2,32000,1000,600000]}',
  );
});
