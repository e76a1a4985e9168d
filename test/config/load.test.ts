import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { DEFAULT_CONFIG } from "../../src/config/daemon-config.js";
import { ConfigError } from "../../src/config/fault.js";
import { readConfigFile } from "../../src/config/load.js";
import { SCHEMES } from "../../src/probers/schemes.js";
import { faultsOf, read } from "./reading.js";

function folderOf(t: TestContext): (name: string, content: string | Buffer) => string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return (name, content) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
}

test("an example file is read as expected", () => {
  const config = read(`
listen: [":50051", ":8080"]
checks:
  flower: http://flower:5555/healthcheck            # a URL is a whole check
  broker: tcp://redis:6379
  orders-a:
    target: grpc://orders-a:50051/acme.orders.v1.Orders
    interval: 5s
    unhealthyThreshold: 2
  orders-b: { target: "grpc://orders-b:50051/acme.orders.v1.Orders" }
services:
  celery.flower: [flower, broker]
  acme.orders.v1.Orders: { any: [orders-a, orders-b] }
  two: { quorum: 2, of: [flower, broker, orders-a] }
overall: [celery.flower]
`);
  assert.deepEqual(
    config.checks.map(({ name }) => name),
    ["flower", "broker", "orders-a", "orders-b"],
  );
  const { source, options } = config.checks[2] ?? assert.fail();
  assert.deepEqual(source, { kind: "target", url: "grpc://orders-a:50051/acme.orders.v1.Orders" });
  assert.deepEqual([options.interval, options.unhealthyThreshold], ["5s", 2]);
  assert.deepEqual(config.services, [
    { name: "celery.flower", policy: { kind: "all" }, members: ["flower", "broker"] },
    { name: "acme.orders.v1.Orders", policy: { kind: "any" }, members: ["orders-a", "orders-b"] },
    { name: "two", policy: { kind: "quorum", count: 2 }, members: ["flower", "broker", "orders-a"] },
    { name: "", policy: { kind: "all" }, members: ["celery.flower"] },
  ]);
  assert.ok(Object.isFrozen(config));
});

for (const [label, text] of [
  ["an empty file", ""],
  ["a file of comments", "# nothing\n"],
  ["a BOM alone", "\ufeff"],
  ["white space", " \n\t\n\r\n"],
  ["a start of a document", "---\n"],
  ["a start and an end of a document", "---\n...\n"],
  ["null", "null\n"],
  ["a tilde", "~"],
  ["an empty table", "{}"],
] as const) {
  test(`${label} is refused: an emptied file is not a server without checks`, () => {
    assert.deepEqual(faultsOf(text), ["1:1: this file is empty; for a server without checks write checks: {}"]);
  });
}

test("a file with an explicit empty table of checks is the default", () => {
  assert.deepEqual(read("checks: {}"), DEFAULT_CONFIG);
});

test("an empty file in place of a secret is refused", (t) => {
  const file = folderOf(t);
  for (const content of ["", "\n", "\r\n"]) {
    const path = file("secret", content);
    assert.deepEqual(faultsOf(`paths: ["/\${file:${path}}"]`), [`1:9: paths[0]: the file ${path} is empty`]);
  }
});

test("JSON is read as well", () => {
  assert.equal(read('{"checks": {"a": {"target": "tcp://h:1", "interval": "5s"}}}').checks[0]?.options.interval, "5s");
});

test("all errors are reported together, each with its place and the nearest key or name", () => {
  const text = `listen: [8080, ":99999"]
checks:
  orders-a:
    target: grpc://orders-a:50051/acme.Orders
    interval: 5 parsecs
    tiemout: 3s
  b: gprc://orders-b:50051
  c: {target: "tcp://a:1", interval: 1s, timeout: 2s, jitter: 3}
  "": tcp://a:1
services:
  s: [orders-a, orders-d]
  t: { quorum: 3, of: [orders-a, b] }
  u: [u]
overal: [s]
`;
  assert.deepEqual(
    faultsOf(text),
    [
      '1:10: listen[0]: address to listen on "8080": expected :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH or fd://N',
      '1:16: listen[1]: address to listen on ":99999": a port is a number from 0 to 65535',
      '5:15: checks.orders-a.interval: "5 parsecs" is not a duration (try 5s, 500ms, 1m)',
      "6:5: checks.orders-a.tiemout: unknown key; did you mean timeout?",
      `7:6: checks.b: target "gprc://orders-b:50051": unknown scheme "gprc"; known: ${Object.keys(SCHEMES).join(", ")}; did you mean grpc://?`,
      "8:51: checks.c.timeout: 2s must be below checks.c.interval (1s)",
      "8:63: checks.c.jitter: must be a share from 0 to 1; got 3",
      '9:7: checks[""]: the name must not be empty',
      '11:17: services.s[1]: there is no check or service "orders-d"; did you mean orders-a?',
      "12:16: services.t.quorum: 3 of 2 members can never be reached",
      "13:6: services.u: services form a cycle: u -> u",
      "14:1: overal: unknown key; did you mean overall?",
    ].map((line) => line),
  );
});

test("a value from the environment becomes text, a number or a boolean as its key needs it", () => {
  const text = `
checks:
  a:
    target: tcp://\${HOST:-db}:\${PORT}
    unhealthyThreshold: \${FALL}
    critical: \${CRITICAL:-false}
    services: ["$\${PRICE}", "\${EMPTY:-x}"]
    staleAfter: \${STALE}
`;
  const { checks } = read(text, { PORT: "5432", FALL: "4", EMPTY: "", STALE: "2m" });
  const { source, options } = checks[0] ?? assert.fail();
  assert.deepEqual(source, { kind: "target", url: "tcp://db:5432" });
  assert.deepEqual(
    [options.unhealthyThreshold, options.critical, options.services, options.staleAfter],
    [4, false, ["${PRICE}", "x"], "2m"],
  );
});

for (const [label, value, expected] of [
  [
    "a variable that isn't set",
    "${NOPE}",
    "the environment variable NOPE is not set (with a default: ${NOPE:-default})",
  ],
  ["a dollar alone", "a$b", "a dollar sign starts ${NAME}; write $$ for a dollar sign"],
  ["a brace that isn't closed", "${NAME", "a dollar sign starts ${NAME}; write $$ for a dollar sign"],
  ["a name that is none", "${1x}", "${1x} is neither ${NAME}, ${NAME:-default} nor ${file:/path}"],
  ["a file that isn't there", "${file:/nowhere/at/all}", "cannot read the file /nowhere/at/all: not found (ENOENT)"],
  [
    "a name of an object's own",
    "${__proto__}",
    "the environment variable __proto__ is not set (with a default: ${__proto__:-default})",
  ],
] as const) {
  test(`${label} is refused, and named [B97]`, () => {
    assert.deepEqual(faultsOf(`tokenFile: "${value}"`), [`1:12: tokenFile: ${expected}`]);
  });
}

test("no error shows a secret from a file or the environment", (t) => {
  const file = folderOf(t);
  const secret = file("secret", "hunter2\n");
  const text = `
checks:
  a: { target: "tcp://h:1", interval: "\${file:${secret}}", unhealthyThreshold: "\${PASSWORD}" }
  b: ftp://user:\${PASSWORD}@host/
  c: { target: "tcp://h:1", staleAfter: "\${PASSWORD}", headers: { x: "\${PASSWORD}" } }
listen: ["\${PASSWORD}"]
paths: ["\${PASSWORD}"]
overall: ["\${PASSWORD}"]
`;
  const faults = faultsOf(text, { PASSWORD: "correct-horse" });
  assert.ok(faults.length >= 7, faults.join("\n"));
  assert.ok(!/hunter2|correct-horse/.test(faults.join("\n")), faults.join("\n"));
});

test("a secret file that every user can read is a warning, not an error", (t) => {
  const file = folderOf(t);
  const secret = file("token", "abc\n");
  assert.deepEqual(read(`tokenFile: ${secret}`).warnings, []);
  rmSync(secret);
  writeFileSync(secret, "abc", { mode: 0o644 });
  const [warning = ""] = read(`tokenFile: ${secret}`).warnings;
  assert.ok(warning.includes(secret) && warning.includes("every user"), warning);
});

for (const [label, text, expected] of [
  ["no YAML", "a: [b", /^1:\d+: /],
  ["two documents", "a: 1\n---\nb: 2\n", /^\d:\d+: /],
  ["a key twice", "paths: []\npaths: []\n", /^2:1: .*unique/i],
  ["a tab as indentation", "checks:\n\ta: tcp://h:1\n", /^2:1: /],
  ["an alias that leads nowhere", "paths: *nope\n", /^1:8: /],
  ["a list in place of the file", "- a\n", /^1:1: must be a table, not a list$/],
  ["a list of checks", "checks: [tcp://h:1]\n", /^1:9: checks: must be a table, not a list$/],
  ["a list of settings", "tls: []\n", /^1:6: tls: must be a table, not a list$/],
  ["a text in place of the file", "hello\n", /^1:1: must be a table, not the string "hello"$/],
  [
    "a name that an object has by itself",
    "checks:\n  __proto__: tcp://h:1\n",
    /^2:3: checks.__proto__: this name cannot be used/,
  ],
] as const) {
  test(`${label} is refused with its place [B79]`, () => {
    const [first = ""] = faultsOf(text);
    assert.match(first, expected);
  });
}

test("aliases are resolved; aliases that expand without end are refused, and cost no memory", () => {
  const text =
    "defaults: &d { interval: 5s }\nchecks: { a: { target: 'tcp://h:1', expect: &e { maxLatency: 1s } }, b: { target: 'tcp://h:2', expect: *e } }\n";
  assert.deepEqual(read(text).checks[1]?.options.expect, { maxLatency: "1s" });
  const levels = Array.from({ length: 12 }, (_, level) =>
    level === 0
      ? "l0: &l0 [x, x, x, x, x, x, x, x, x, x]"
      : `l${level}: &l${level} [${Array(10)
          .fill(`*l${level - 1}`)
          .join(", ")}]`,
  );
  assert.ok(faultsOf(levels.join("\n")).some((line) => line.includes("too many values")));
  assert.ok(faultsOf("paths: &p [*p]\n").some((line) => line.includes("alias not found: *p")));
});

test("a file that cannot be read or does not exist is refused, and named", (t) => {
  const file = folderOf(t);
  const big = file("big.yaml", Buffer.alloc(1_048_577, "#"));
  for (const [path, expected] of [
    ["/nowhere/healthbridge.yaml", "/nowhere/healthbridge.yaml: cannot read this file: not found (ENOENT)"],
    [tmpdir(), `${tmpdir()}: cannot read this file: it is a directory, not a regular file`],
    [big, `${big}: cannot read this file: it has 1048577 bytes; the limit is 1048576`],
  ] as const)
    assert.throws(
      () => readConfigFile(path, {}),
      (error) => error instanceof ConfigError && error.message === expected,
    );
});

test("defaults apply to every check without its own setting, but not to heartbeats", () => {
  const { checks } = read(`
defaults: { interval: 3s, unhealthyThreshold: 5 }
checks:
  a: tcp://h:1
  b: { target: "tcp://h:2", interval: 9s }
  c: { heartbeat: { ttl: 1h, token: secret } }
`);
  assert.deepEqual(
    checks.map(({ options }) => [options.interval, options.unhealthyThreshold]),
    [
      ["3s", 5],
      ["9s", 5],
      [undefined, undefined],
    ],
  );
});

test("any text is read, or refused with FILE:LINE:COLUMN, and never crashes", () => {
  const words = fc.constantFrom(
    "checks",
    "a",
    ":",
    " ",
    "\n",
    "  ",
    "-",
    "{",
    "}",
    "[",
    "]",
    "tcp://h:1",
    "&x",
    "*x",
    "${A}",
    "5s",
    '"',
    "#",
    "services",
    "listen",
    "\t",
    "1",
    "null",
    "|",
    ">",
    "!!js",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
      for (const line of faultsOf(parts.join(""))) assert.match(line.split("\n")[0] ?? "", /^\d+:\d+: /);
    }),
    { numRuns: 1_500 },
  );
});
