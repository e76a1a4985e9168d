/** docs/conformance.md B79 to B97: each bad configuration, and the line that refuses it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { faultsOf, read } from "./reading.js";

const pem = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const check = (text: string) => `checks: { a: ${text} }`;
const target = (url: string) => check(`"${url}"`);
const setting = (text: string) => check(`{ target: "tcp://h:1", ${text} }`);

const ROWS: readonly (readonly [number: number, label: string, text: string, expected: RegExp])[] = [
  [80, "an unknown key of the file", "cheks: {}", /^1:1: cheks: unknown key; did you mean checks\?$/],
  [80, "an unknown key of a check", setting("timout: 1s"), /a\.timout: unknown key; did you mean timeout\?$/],
  [80, "a key that is like none", setting("zzz: 1"), /a\.zzz: unknown key; known: target, exec, heartbeat, /],
  [81, "a text for a number", setting("unhealthyThreshold: three"), /must be a whole number from 1 on; got "three"$/],
  [81, "a number for a switch", setting("critical: 1"), /critical: must be true or false; got 1$/],
  [81, "yes for a switch", setting("critical: yes"), /critical: must be true or false; got "yes"$/],
  [81, "a list for a check", check("[]"), /checks\.a: must be a URL or a table; got \[\]$/],
  [81, "nothing for a check", check(""), /checks\.a: must be a URL or a table; got null$/],
  [81, "a table for a list", setting("services: {}"), /services: must be a list of texts, not a table$/],
  [
    81,
    "a table for a list of statuses",
    setting("expect: { status: {} }"),
    /expect\.status: must be a list of statuses and ranges, such as \[204, 200-299\], not a table$/,
  ],
  [
    81,
    "another word than those of a key",
    setting("initialState: ok"),
    /initialState: must be one of pending, passing, failing; got "ok"$/,
  ],
  [82, "an interval of 0", setting("interval: 0s"), /interval: must be a duration above zero/],
  [82, "an interval of -1s", setting("interval: -1s"), /interval: "-1s" is not a duration \(try 5s, 500ms, 1m\)$/],
  [82, "an interval that is no number", setting("interval: .nan"), /interval: NaN has no unit|is not a duration/],
  [82, "an interval without a unit", setting("interval: 10"), /interval: 10 has no unit \(try 10s, 500ms, 1m\)$/],
  [82, "an interval of 10^12 h", setting("interval: 1000000000000h"), /interval: "1000000000000h" is not a duration/],
  [
    83,
    "a timeout as long as the interval",
    setting("interval: 1s, timeout: 1s"),
    /a\.timeout: 1s must be below checks\.a\.interval \(1s\)$/,
  ],
  [84, "a fall of 0", setting("unhealthyThreshold: 0"), /unhealthyThreshold: must be a whole number from 1 on; got 0$/],
  [
    84,
    "a rise of 1.5",
    setting("healthyThreshold: 1.5"),
    /healthyThreshold: must be a whole number from 1 on; got 1.5$/,
  ],
  [85, "two checks of one name", 'checks: { a: "tcp://h:1", a: "tcp://h:2" }', /^1:\d+: .*unique/],
  [
    85,
    "a service with a check's name",
    `${target("tcp://h:1")}\nservices: { a: [a] }`,
    /services\.a: a check has this name already \(checks\.a at f\.yaml:1:14\)$/,
  ],
  [
    85,
    "a check's service that is another check",
    'checks: { a: { target: "tcp://h:1", services: [b] }, b: "tcp://h:2" }',
    /^1:48: checks\.a\.services\[0\]: a check has this name already \(checks\.b at f\.yaml:1:57\)$/,
  ],
  [
    85,
    "a service that a check makes",
    `${setting("services: [s]")}\nservices: { s: [a] }`,
    /services\.s: a check makes this service already \(checks\.a\.services\[0\] at f\.yaml:1:48\)$/,
  ],
  [
    85,
    "a check with the same number as a text and as a number",
    'checks: { 1: "tcp://h:1", "1": "tcp://h:2" }',
    /^1:27: checks\.1: keys must be unique; the first one is at 1:11$/,
  ],
  [
    85,
    "a service twice",
    `${target("tcp://h:1")}\nservices:\n  s: [a]\n  t: [a]\n  s: [t]`,
    /^5:3: services\.s: keys must be unique; the first one is at 3:3$/,
  ],
  [
    85,
    "a check under the name of a worker of Celery, beside a check of Flower",
    'checks: { f: "flower+http://h", celery.worker/a@b: "tcp://h:1" }',
    /^1:52: checks\["celery\.worker\/a@b"\]: names that begin with "celery\.worker\/" are reserved for the workers that a check of Flower finds \(checks\.f at f\.yaml:1:14\)$/,
  ],
  [
    85,
    "a service under the name of a worker of Celery, beside a check of Flower",
    'checks: { f: "flower+http://h" }\nservices: { celery.worker/x: [f] }',
    /^2:30: services\["celery\.worker\/x"\]: names that begin with "celery\.worker\/" .* \(checks\.f at f\.yaml:1:14\)$/,
  ],
  [
    86,
    "a service under a view's name",
    `${target("tcp://h:1")}\nservices: { readiness: [a] }`,
    /^2:24: services\.readiness: the name must not be "readiness", which is reserved for the readiness view \(\/readyz\)$/,
  ],
  [
    86,
    "a check's service under a view's name",
    setting("services: [startup]"),
    /services\[0\]: must not be "startup", which is reserved for the startup view \(\/startupz\)$/,
  ],
  [85, "a check under the self-check's name", 'checks: { self-check: "tcp://h:1" }', /"self-check" is reserved/],
  [
    84,
    "a heartbeat with a timeout",
    check("{ heartbeat: { ttl: 3s, token: t }, timeout: 5s }"),
    /^1:59: checks\.a\.timeout: a heartbeat has no such option; it takes critical, services, /,
  ],
  [
    84,
    "a heartbeat of 0",
    check("{ heartbeat: { ttl: 0s, token: t } }"),
    /heartbeat\.ttl: must be a duration above zero/,
  ],
  [
    84,
    "a token of two words",
    check('{ heartbeat: { ttl: 1s, token: "a b" } }'),
    /heartbeat\.token: must be one word without spaces$/,
  ],
  [
    84,
    "a program with headers",
    `allowExec: true\n${check("{ exec: [/bin/true], headers: { x: y } }")}`,
    /^2:44: checks\.a\.headers: a program has no such option$/,
  ],
  [
    83,
    "a default that does not fit, once for all checks",
    'defaults: { timeout: 10s }\nchecks: { a: "tcp://h:1", b: "tcp://h:2" }',
    /^1:22: defaults\.timeout: 10s must be below interval \(default 10s\)$/,
  ],
  [
    92,
    "a quorum of one check, listed twice",
    `${target("tcp://h:1")}\nservices: { s: { quorum: 2, of: [a, a] } }`,
    /services\.s\.quorum: 2 of 1 members can never be reached$/,
  ],
  [
    92,
    "an empty service",
    `${target("tcp://h:1")}\nservices: { s: {} }`,
    /services\.s: must be a list, \{ all: .*; got \{\}$/,
  ],
  [92, "a whole of nothing", "overall: []", /^1:10: overall: must name at least one check or service$/],
  [89, "an address twice", 'listen: [":1", "plain://:1"]', /^1:16: listen\[1\]: "plain:\/\/:1" is listed twice$/],
  [
    89,
    "a limit beyond all numbers",
    "maxWatchers: 1e300",
    /maxWatchers: must be a whole number from 1 on; got 1e\+300$/,
  ],
  [
    86,
    "a name of 201 bytes",
    `checks: { ${"x".repeat(201)}: "tcp://h:1" }`,
    /the name must be at most 200 bytes of UTF-8$/,
  ],
  [
    86,
    "a name with a control character",
    'checks: { "a\\u0007": "tcp://h:1" }',
    /the name must not contain control characters$/,
  ],
  [86, "a name that is a view's", 'checks: { readiness: "tcp://h:1" }', /the name must not be "readiness", .*\/readyz/],
  [87, "file:", target("file:///etc/passwd"), /unknown scheme "file"; known: http, https/],
  [87, "ftp:", target("ftp://h"), /unknown scheme "ftp"; known:/],
  [
    88,
    "a password where the scheme has none",
    target("tcp://me:hunter2@h:1"),
    /tcp:\/\/\*\*\*@h:1": this scheme takes no name and password/,
  ],
  [89, "port 0", target("tcp://h:0"), /port 0 is not a port of a server$/],
  [89, "port 65536", target("tcp://h:65536"), /a port is a number from 1 to 65535/],
  [89, "a port that is a word", target("tcp://h:http"), /expected a URL/],
  [89, "no port", target("tcp://h"), /a port is missing; expected tcp:\/\/host:port$/],
  [90, "no host", target("tcp://:80"), /expected a URL|a host is missing/],
  [90, "a host with NUL", 'checks: { a: "tcp://h\\0:80" }', /no line breaks and control characters/],
  [91, "a link-local address", target("http://169.254.169.254/latest"), /link-local addresses are not probed/],
  [91, "the same as a number", target("http://2852039166/"), /link-local addresses are not probed/],
  [91, "a link-local address of IPv6", target("tcp://[fe80::1]:80"), /link-local addresses are not probed/],
  [
    91,
    "an IPv4 address inside of IPv6",
    target("tcp://[::ffff:169.254.169.254]:80"),
    /link-local addresses are not probed/,
  ],
  [
    92,
    "a member that isn't there",
    `${target("tcp://h:1")}\nservices: { s: [b] }`,
    /services\.s\[0\]: there is no check or service "b"/,
  ],
  [92, "a cycle", `${target("tcp://h:1")}\nservices: { s: [t], t: [a, s] }`, /services form a cycle: s -> t -> s$/],
  [
    92,
    "a quorum that can't be reached",
    `${target("tcp://h:1")}\nservices: { s: { quorum: 2, of: [a] } }`,
    /2 of 1 members can never be reached$/,
  ],
  [92, "a service of nothing", "services: { s: [] }", /services\.s: must name at least one check or service$/],
  [
    93,
    "exec as one string",
    `allowExec: true\n${check('{ exec: "pg_isready -q" }')}`,
    /exec: must be a list of texts, not the string "pg_isready -q"$/,
  ],
  [93, "exec of nothing", `allowExec: true\n${check("{ exec: [] }")}`, /exec: must name a program$/],
  [94, "exec while that is off", check("{ exec: [/bin/true] }"), /exec: programs need allowExec: true/],
  [95, "a TLS key without its certificate", `tls: { keyFile: ${pem("server.key")} }`, /tls\.certFile: is missing$/],
  [
    95,
    "a key that does not match",
    `tls: { certFile: ${pem("server.crt")}, keyFile: ${pem("client.key")} }`,
    /tls: the key .*client\.key does not belong to the certificate .*server\.crt$/,
  ],
  [
    95,
    "a file that is no certificate",
    `tls: { certFile: ${pem("README.md")}, keyFile: ${pem("server.key")} }`,
    /tls\.certFile: the certificate .*README\.md has no certificate in PEM format$/,
  ],
  [
    95,
    "a file that isn't there",
    `tls: { certFile: /nowhere, keyFile: ${pem("server.key")} }`,
    /tls\.certFile: cannot read the file \/nowhere: not found \(ENOENT\)$/,
  ],
  [
    95,
    "a target's certificate without its key",
    `checks: { a: { target: "https://h", tls: { certFile: ${pem("client.crt")} } } }`,
    /tls\.certFile: needs keyFile too$/,
  ],
  [97, "a variable that isn't set", target("tcp://${HOST}:1"), /the environment variable HOST is not set/],
];

describe("B4", () => {
  for (const [number, label, text, expected] of ROWS)
    test(`${label} is refused; the error shows its line and column [B${number}]`, () => {
      const faults = faultsOf(text);
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", /^\d+:\d+: /);
      assert.match(faults[0] ?? "", expected);
    });

  test("a name is the text as it is written: 1.10 is not 1.1", () => {
    const { checks } = read('checks: { 1.10: "tcp://h:1", 1.1: "tcp://h:2", 0x10: "tcp://h:3", 16: "tcp://h:4" }');
    // a name that is a whole number comes first: that is the order of JavaScript's objects
    assert.deepEqual(checks.map(({ name }) => name).sort(), ["0x10", "1.1", "1.10", "16"]);
  });

  test("a name under celery.worker/ is accepted without a check of Flower", () => {
    assert.deepEqual(faultsOf('checks: { celery.worker/a: "tcp://h:1" }'), []);
  });

  test("a link-local address is accepted with allowLinkLocal [B91]", () => {
    assert.deepEqual(faultsOf(`allowLinkLocal: true\n${target("http://169.254.169.254/")}`), []);
  });

  test("exec is accepted with allowExec [B94]", () => {
    assert.deepEqual(faultsOf(`allowExec: true\n${check("{ exec: [/bin/true] }")}`), []);
  });

  test("an encrypted key and an expired CA are refused [B95]", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-b95-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const encrypted = join(folder, "encrypted.key");
    const args = ["pkey", "-in", pem("server.key"), "-aes256", "-passout", "pass:x", "-out", encrypted];
    execFileSync("openssl", args, { stdio: "ignore" });
    const [withKey = ""] = faultsOf(`tls: { certFile: ${pem("server.crt")}, keyFile: ${encrypted} }`);
    assert.match(
      withKey,
      /tls\.keyFile: the key .*encrypted\.key is encrypted, .* decrypt it: openssl pkey -in ENCRYPTED -out KEY$/,
    );
    const identity = `certFile: ${pem("server.crt")}, keyFile: ${pem("server.key")}`;
    const [withCa = ""] = faultsOf(`tls: { ${identity}, clientCaFile: ${pem("ended-ca.crt")} }`);
    assert.match(withCa, /tls\.clientCaFile: the certificate in .* has expired/);
  });

  test("a secret file that every user can read is a warning [B96]", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-b96-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "token");
    writeFileSync(file, "abc", { mode: 0o644 });
    assert.equal(read(`tokenFile: ${file}`).warnings.length, 1);
    assert.equal(read(check(`{ heartbeat: { ttl: 1h, token: "\${file:${file}}" } }`)).warnings.length, 1);
  });

  test("a listLimit above 4 MiB of answer is a warning [B106]", () => {
    assert.deepEqual(read("listLimit: 10000").warnings, []);
    assert.match(read("listLimit: 20000").warnings[0] ?? "", /listLimit 20000: .* 4 MiB/);
  });
});
