/** YAML as people write it: merge keys, `x-` keys, names as written, one item in place of a list, encodings. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readConfigFile } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";
import { faultsOf, read } from "./reading.js";

const optionsOf = (text: string, index = 0) => read(text).checks[index]?.options;
const namesOf = (text: string) =>
  read(text)
    .checks.map(({ name }) => name)
    .sort();

describe("merge keys", () => {
  const fast = "x-fast: &fast { interval: 1s, timeout: 500ms, jitter: 0 }\n";
  const slow = "x-slow: &slow { interval: 1m, unhealthyThreshold: 9 }\n";

  test("a table takes the keys that it does not have", () => {
    const options = optionsOf(`${fast}checks: { a: { <<: *fast, target: "tcp://h:1", timeout: 200ms } }`);
    assert.deepEqual([options?.interval, options?.timeout, options?.jitter], ["1s", "200ms", 0]);
  });

  test("of several tables, the first one with a key counts, wherever the merge key is", () => {
    for (const order of ["*fast, *slow", "*fast, { interval: 9s }, *slow"]) {
      const options = optionsOf(`${fast}${slow}checks: { a: { target: "tcp://h:1", <<: [${order}] } }`);
      assert.deepEqual([options?.interval, options?.unhealthyThreshold], ["1s", 9]);
    }
  });

  test("a merged table merges others itself, and its own keys count first", () => {
    const text = `${fast}x-both: &both { <<: *fast, interval: 2s }\nchecks: { a: { target: "tcp://h:1", <<: *both } }`;
    const options = optionsOf(text);
    assert.deepEqual([options?.interval, options?.timeout], ["2s", "500ms"]);
  });

  test("also in a table of names, at the top, in a block and from an anchor on a check", () => {
    assert.deepEqual(namesOf('x-common: &common { b: "tcp://h:2" }\nchecks: { a: "tcp://h:1", <<: *common }'), [
      "a",
      "b",
    ]);
    assert.deepEqual(namesOf('x-all: &all { checks: { a: "tcp://h:1" } }\n<<: *all'), ["a"]);
    const block =
      "checks:\n  a: &a\n    target: tcp://h:1\n    interval: 3s\n  b:\n    <<: *a\n    target: tcp://h:2\n";
    assert.deepEqual(
      [optionsOf(block, 1)?.interval, read(block).checks[1]?.source],
      ["3s", { kind: "target", url: "tcp://h:2" }],
    );
    const headers = 'x-h: &h { X-One: a }\nchecks: { a: { target: "http://h/", headers: { <<: *h, X-Two: b } } }';
    assert.deepEqual(optionsOf(headers)?.headers, { "X-Two": "b", "X-One": "a" });
  });

  test("a fault in a merged value is shown where the value is", () => {
    assert.deepEqual(faultsOf('x-d: &d\n  interval: 5\nchecks:\n  a: { target: "tcp://h:1", <<: *d }\n'), [
      "2:13: checks.a.interval: 5 has no unit (try 5s, 500ms, 1m)",
    ]);
    assert.deepEqual(faultsOf('x-d: &d\n  intervall: 5s\nchecks:\n  a: { target: "tcp://h:1", <<: *d }\n'), [
      "2:3: checks.a.intervall: unknown key; did you mean interval?",
    ]);
  });

  for (const [label, value, expected] of [
    [
      "a text",
      "fast",
      /^1:41: checks\.a\["<<"\]: << takes keys from tables: write <<: \*NAME or <<: \[\*NAME, \*OTHER\]$/,
    ],
    ["nothing", "", /<< takes keys from tables/],
    ["a list with a text", "[{}, 1]", /checks\.a\["<<"\]\[1\]: << takes keys from tables/],
    ["a list of lists", "[[{}]]", /<< takes keys from tables/],
    ["an unknown alias", "*none", /alias not found: \*none$/],
  ] as const)
    test(`${label} cannot be merged`, () => {
      const faults = faultsOf(`checks: { a: { target: "tcp://h:1", <<: ${value} } }`);
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", expected);
    });

  test("a table cannot merge itself, and a table has one merge key", () => {
    assert.match(
      faultsOf('checks: &c { a: "tcp://h:1", <<: *c }').join("\n"),
      /keys must be unique|alias not found: \*c/,
    );
    assert.match(
      faultsOf('checks: { a: { <<: { interval: 5s }, <<: {}, target: "tcp://h:1" } }').join("\n"),
      /checks\.a\["<<"\]: keys must be unique; the first one is at 1:16/,
    );
  });

  test("in quotes it is a name", () => {
    assert.deepEqual(namesOf('checks: { "<<": "tcp://h:1" }'), ["<<"]);
  });

  test("merged values count for the limit of values, nested or not", () => {
    const levels = Array.from({ length: 14 }, (_, level) =>
      level === 0 ? "x-0: &l0 { a: tcp://h:1 }" : `x-${level}: &l${level} { <<: [${`*l${level - 1}, `.repeat(10)}] }`,
    );
    const started = process.cpuUsage();
    assert.match(
      faultsOf(`${levels.join("\n")}\nchecks: { <<: *l13 }`).join("\n"),
      /too many values; the limit is 100000/,
    );
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 5_000_000, `${user + system} us`);
  });
});

describe("keys that begin with x-", () => {
  test("are ignored where a table has a fixed set of keys, with all that is in them", () => {
    const text = [
      'x-notes: { anything: [1, "${NOT_SET}", !odd x], checks: 5 }',
      "x-text: text",
      "checks:",
      '  a: { target: "https://h/", x-owner: team, tls: { x-why: old }, expect: { x-a: "${NOT_SET}", status: 200 } }',
      "defaults: { x-b: 1 }",
      "services: { s: { x-c: 1, any: [a] } }",
    ];
    assert.deepEqual(faultsOf(text.join("\n")), []);
  });

  test("are names in a table of names", () => {
    assert.deepEqual(namesOf("checks: { x-service: 'tcp://h:1' }"), ["x-service"]);
    const headers = optionsOf('checks: { a: { target: "http://h/", headers: { x-api-key: abc } } }')?.headers;
    assert.deepEqual(headers, { "x-api-key": "abc" });
  });

  test("can have anchors, also inside", () => {
    assert.deepEqual(namesOf("x-a: { urls: [&u tcp://h:1] }\nchecks: { a: *u }"), ["a"]);
  });
});

describe("a name is the text as it is written", () => {
  const names = [
    "1.10",
    "1.1",
    "012345678901",
    "1e3",
    "True",
    "null",
    "2024-01-01",
    "~",
    "0x10",
    ".inf",
    "yes",
    "1_000",
  ];
  for (const name of names)
    test(name, () => {
      assert.deepEqual(namesOf(`checks: { ${name}: "tcp://h:1" }`), [name]);
      const inLists = read(
        `checks: { ${name}: "tcp://h:1", b: "tcp://h:2" }\nservices: { s: [${name}, b] }\noverall: [${name}]`,
      );
      assert.deepEqual(
        inLists.services.map(({ members }) => members),
        [[name, "b"], [name]],
      );
    });

  test('1 and "1" are the same name, and two of them are a fault', () => {
    for (const [one, other] of [
      ["1", '"1"'],
      ["1.10", "'1.10'"],
      ["True", '"True"'],
      ["null", '"null"'],
    ])
      assert.match(
        faultsOf(`checks: { ${one}: "tcp://h:1", ${other}: "tcp://h:2" }`).join("\n"),
        /keys must be unique; the first one is at 1:11$/,
      );
    assert.deepEqual(faultsOf('checks: { "1": "tcp://h:1" }\nservices: { s: [1] }'), []);
  });

  test("where text is expected, a number is the text as it is written", () => {
    const text =
      'checks: { a: { target: "http://h/", user: 007, password: 0123456789012345678901, headers: { x: 1.10, y: true } } }';
    const { user, password, headers } = optionsOf(text) ?? {};
    assert.deepEqual(
      { user, password, headers },
      { user: "007", password: "0123456789012345678901", headers: { x: "1.10", y: "true" } },
    );
    const [check] = read("allowExec: true\nchecks: { a: { exec: [/bin/check, -w, 5.0] } }").checks;
    assert.deepEqual(check?.source, { kind: "exec", command: ["/bin/check", "-w", "5.0"] });
  });

  test("but nothing is no text", () => {
    assert.match(
      faultsOf('checks: { a: { target: "http://h/", password: } }').join("\n"),
      /password: must be text, not nothing/,
    );
    assert.match(
      faultsOf('checks: { a: { target: "http://h/", password: null } }').join("\n"),
      /must be text, not nothing/,
    );
  });
});

describe("one item stands for a list of one", () => {
  const config = () =>
    read(`listen: ":0"
paths: /a
statusCodePaths: /a.b/c
checks:
  a: { target: "http://h/", expect: { status: 200 }, services: s }
  b: { target: "http://h/", expect: { status: 200-204 } }
services: { one: a, all: { all: a }, any: { any: b }, quorum: { quorum: 1, of: b } }
overall: one
`);
  test("of every list but exec", () => {
    const { listen, paths, statusCodePaths, checks, services } = config();
    assert.deepEqual([listen, paths, statusCodePaths], [[":0"], ["/a"], ["/a.b/c"]]);
    assert.deepEqual(
      checks.map(({ options }) => options.expect?.status),
      [[200], ["200-204"]],
    );
    assert.deepEqual(checks[0]?.options.services, ["s"]);
    assert.deepEqual(
      services.map(({ members }) => members),
      [["a"], ["a"], ["b"], ["b"], ["one"]],
    );
  });

  test("a fault of it is shown at the item", () => {
    assert.match(
      faultsOf('checks: { a: "tcp://h:1" }\noverall: b').join("\n"),
      /^2:10: overall\[0\]: there is no check/,
    );
    assert.match(faultsOf('checks: { a: { target: "http://h/", expect: { status: 999 } } }').join("\n"), /999/);
  });
});

describe("durations have days and weeks", () => {
  test("in a file, in each kind of key", () => {
    const text = "drainDelay: 0.5d\nchecks: { a: { heartbeat: { ttl: 1w1d, token: t }, staleAfter: 3w } }";
    assert.equal(read(text).drainDelayMs, 43_200_000);
    assert.deepEqual(
      read('checks: { a: { target: "https://h/", tls: { warnBefore: 2w } } }').checks[0]?.options.tls?.warnBefore,
      "2w",
    );
  });
});

describe("every unknown key of a table is reported, each with the nearest known one", () => {
  for (const [label, text, expected] of [
    [
      "of the file",
      "lissen: []\nchekcs: {}\nzzz: 1\n",
      [/^1:1: lissen: .* mean listen\?/, /^2:1: chekcs: .* mean checks\?/, /^3:1: zzz: unknown key; known: /],
    ],
    [
      "of a check, beside a missing target",
      "checks:\n  a:\n    targt: tcp://h:1\n    intervall: 1s\n",
      [/targt: .* mean target\?/, /intervall: .* mean interval\?/],
    ],
    [
      "of tables in tables, at once",
      'chekcs: {}\nchecks: { a: { target: "http://h/", timout: 1s, expect: { stauts: 1, boddy: x }, tls: { cafile: x } } }',
      [/chekcs/, /timout: .* timeout\?/, /stauts: .* status\?/, /boddy: .* body\?/, /cafile: .* caFile\?/],
    ],
    [
      "of a heartbeat with a missing key",
      "checks: { a: { heartbeat: { tll: 1m, tokn: t } } }",
      [/ttl: is missing/, /token: is missing/, /tll: .* ttl\?/, /tokn: .* token\?/],
    ],
    [
      "of a service",
      'checks: { a: "tcp://h:1" }\nservices: { s: { alll: [a], anyy: [a] } }',
      [/alll: .* all\?/, /anyy: .* any\?/],
    ],
    [
      "of tls, isolation and defaults",
      "tls: { certfile: a, keyfile: b }\nisolation: { selfcheck: x, hold: 1s }\ndefaults: { intervl: 1s, expect: 1 }",
      [/certfile/, /keyfile/, /selfcheck/, /hold/, /intervl/, /defaults\.expect/],
    ],
  ] as const)
    test(label, () => {
      const faults = faultsOf(text);
      for (const each of expected)
        assert.ok(
          faults.some((line) => each.test(line)),
          `${each}: ${faults.join("\n")}`,
        );
    });
});

describe("a stated but wrong form names the forms", () => {
  for (const [text, expected] of [
    [
      "services: { x: { any: [a], all: [a] } }",
      /^1:16: services\.x: has both all and any; a service is a list, \{ all: /,
    ],
    ["services: { x: { quorum: 1, of: [a], any: [a] } }", /services\.x: has both any and quorum; a service is/],
    ["services: { x: { of: [a], all: [a], any: [a] } }", /services\.x: has all, any and of; a service is/],
    ["services: { x: 5s: 1 }", /in quotes/],
    ["services: { x: {} }", /services\.x: must be a list, \{ all: \[\.\.\.\] \}, .*; got \{\}/],
    ["services: { x: }", /services\.x: must be a list, .*; got null/],
    ["services: { x: { quorum: 1 } }", /services\.x\.of: is missing/],
    ["services: { x: { of: [a] } }", /services\.x\.quorum: is missing/],
    [
      'checks: { x: { target: "tcp://h:1", exec: [/bin/true] } }',
      /checks\.x: has both target and exec; a check has one of target, exec and heartbeat/,
    ],
    [
      "checks: { x: { target: 'tcp://h:1', exec: [a], heartbeat: { ttl: 1s, token: t } } }",
      /checks\.x: has target, exec and heartbeat; a check has one/,
    ],
    ["checks: { x: { interval: 5s } }", /checks\.x: must have one of target, exec and heartbeat/],
    ["checks: { x: { target: 'http://h/', expect: { body: { text: a } } } }", /body\.text: unknown key; .*matches/],
  ] as const)
    test(text, () => assert.match(faultsOf(text).join("\n"), expected));
});

describe("encodings and line ends", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-encodings-"));
  after(() => rmSync(folder, { recursive: true }));
  const TEXT = 'checks:\r\n  "büro": tcp://h:1\r\nservices:\r\n  s: ["büro"]\r\n';
  const utf16be = (text: string) => Buffer.from(text, "utf16le").swap16();
  const accepted: readonly (readonly [label: string, bytes: Buffer])[] = [
    ["UTF-8 with CRLF", Buffer.from(TEXT)],
    ["UTF-8 with a byte order mark", Buffer.from(`\ufeff${TEXT}`)],
    ["UTF-16, as Windows writes it", Buffer.from(`\ufeff${TEXT}`, "utf16le")],
    ["UTF-16 with the other order of bytes", utf16be(`\ufeff${TEXT}`)],
    ["carriage returns alone", Buffer.from(TEXT.replaceAll("\r\n", "\r"))],
    ["JSON", Buffer.from('{"checks": {"büro": "tcp://h:1"},\n\t"services": {"s": ["büro"]}}')],
    ["a document with a start and an end", Buffer.from(`%YAML 1.2\n---\n${TEXT}...\n`)],
    ["YAML 1.1, as 1.2", Buffer.from(`%YAML 1.1\n---\n${TEXT}`)],
  ];
  const path = join(folder, "f.yaml");
  const load = (bytes: Buffer) => {
    writeFileSync(path, bytes, { mode: 0o600 });
    return requireValid(validateConfig(readConfigFile(path, {})));
  };
  for (const [label, bytes] of accepted)
    test(`${label} is accepted`, () =>
      assert.deepEqual(
        load(bytes).checks.map(({ name }) => name),
        ["büro"],
      ));

  test("Windows-1252 and binary files are refused with the place of the first wrong byte", () => {
    const latin = Buffer.from(TEXT, "latin1");
    assert.throws(() => load(latin), {
      message: `${path}: cannot read this file: it is not UTF-8 text (line 2, column 5); save it as UTF-8`,
    });
    assert.throws(() => load(Buffer.from([0x7b, 0xff, 0xfe])), /not UTF-8 text \(line 1, column 2\)/);
  });

  test("a secret is text too: a byte order mark is no part of it, and other encodings are refused", () => {
    const secret = join(folder, "secret");
    const text = `checks: { a: { heartbeat: { ttl: 1m, token: "\${file:${secret}}" } } }`;
    for (const bytes of [Buffer.from("\ufefft0ken\r\n"), Buffer.from("\ufefft0ken\r\n", "utf16le")]) {
      writeFileSync(secret, bytes, { mode: 0o600 });
      assert.deepEqual(read(text).checks[0]?.source, { kind: "heartbeat", ttl: "1m", token: "t0ken" });
    }
    writeFileSync(secret, Buffer.from("t\xf6ken", "latin1"), { mode: 0o600 });
    assert.match(faultsOf(text).join("\n"), /not UTF-8 text \(line 1, column 2\)/);
  });
});
