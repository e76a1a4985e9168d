/** Secrets in URLs: what `${...}` inserts into the user info is percent-encoded, and no error shows it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { credentialsOf } from "../../src/probers/target.js";
import { VALUES } from "../support/reserved-values.js";
import { faultsOf, read } from "./reading.js";

const folder = mkdtempSync(join(tmpdir(), "healthbridge-url-secrets-"));
after(() => rmSync(folder, { recursive: true }));
const FILE = join(folder, "secret");

type Environment = Readonly<Record<string, string>>;

/** The target that a template means. */
function targetOf(template: string, environment: Environment = {}): string {
  const { source } = read(`checks: { a: { target: ${JSON.stringify(template)} } }`, environment).checks[0] ?? {};
  assert.ok(source?.kind === "target");
  return source.url;
}

describe("a value inside the user info of a URL is percent-encoded", () => {
  for (const value of VALUES)
    test(JSON.stringify(value), () => {
      writeFileSync(FILE, `${value}\n`, { mode: 0o600 });
      const environment = { PW: value };
      const references = [
        "${PW}",
        "${PW:-other}",
        `\${file:${FILE}}`,
        ...(/[{}$]/.test(value) ? [] : [`\${NONE:-${value}}`]),
      ];
      for (const reference of references)
        for (const [template, expected] of [
          [`redis://u:${reference}@host:6379/3`, { user: "u", password: value }],
          [`redis://:${reference}@host`, { password: value }],
          [`https://${reference}:p@host/x?y=1`, { user: value, password: "p" }],
          [`postgres://${reference}:${reference}@host/db`, { user: value, password: value }],
          [`mysql://u:pre-${reference}-post@\${HOST:-host}/db`, { user: "u", password: `pre-${value}-post` }],
          [`  amqp://u:${reference}@[::1]:5672/v`, { user: "u", password: value }],
        ] as const) {
          const isBasic = template.startsWith("https");
          if (isBasic && value.includes(":")) continue; // Basic cannot carry such a user name
          const url = targetOf(template, environment);
          assert.deepEqual(credentialsOf(new URL(url)), expected, `${template} -> ${url}`);
          assert.ok(["host", "[::1]"].includes(new URL(url).hostname), url);
        }
    });

  test("also where a URL is a whole check, in the self-check, and by an alias", () => {
    const text = [
      "x-url: &url redis://u:${PW}@host",
      "checks: { a: 'redis://u:${PW}@host', b: *url, c: { target: *url } }",
      "isolation: { maxHold: '${HOLD}', selfCheck: 'http://u:${PW}@host/' }",
    ].join("\n");
    const { checks, isolation } = read(text, { PW: "p/w", HOLD: "1m" });
    const sources = [...checks.map(({ source }) => source), isolation?.selfCheck];
    assert.deepEqual(sources, [
      ...Array(3).fill({ kind: "target", url: "redis://u:p%2Fw@host" }),
      { kind: "target", url: "http://u:p%2Fw@host/" },
    ]);
  });
});

describe("a value elsewhere is taken as it is", () => {
  for (const [template, environment, expected] of [
    ["${DATABASE_URL}", { DATABASE_URL: "postgres://u:p%40w@host/db" }, "postgres://u:p%40w@host/db"],
    ["${URL:-http://u:p%40w@host/}", {}, "http://u:p%40w@host/"],
    ["${BASE}/health", { BASE: "http://u:p@host:81" }, "http://u:p@host:81/health"],
    ["http://${HOST}/x", { HOST: "host:81" }, "http://host:81/x"],
    ["http://u:p@${HOST}/x", { HOST: "[::1]:81" }, "http://u:p@[::1]:81/x"],
    ["http://host/${TAIL}", { TAIL: "a/b?c=d" }, "http://host/a/b?c=d"],
    ["http://host/@${NAME}", { NAME: "me/x" }, "http://host/@me/x"],
    ["http://host/?mail=${MAIL}", { MAIL: "a@b" }, "http://host/?mail=a@b"],
    ["http://${HOST}:${PORT}/users/@me", { HOST: "host", PORT: "81" }, "http://host:81/users/@me"],
  ] as const)
    test(template, () => assert.equal(targetOf(template, environment), expected));

  test("and so is a value of a key that is no URL", () => {
    const text =
      'checks: { a: { target: "http://h/", password: "${PW}", headers: { x: "http://u:${PW}@h/" }, expect: { body: "a://b:${PW}@c" } } }';
    const { password, headers, expect } = read(text, { PW: "p/w" }).checks[0]?.options ?? {};
    assert.deepEqual([password, headers, expect?.body], ["p/w", { x: "http://u:p/w@h/" }, "a://b:p/w@c"]);
    const [program] = read('allowExec: true\nchecks: { a: { exec: [x, "redis://u:${PW}@h"] } }', { PW: "p/w" }).checks;
    assert.deepEqual(program?.source, { kind: "exec", command: ["x", "redis://u:p/w@h"] });
  });
});

test("a value that is encoded already is encoded once more: values are written raw", () => {
  assert.deepEqual(credentialsOf(new URL(targetOf("redis://u:${PW}@h", { PW: "a%41b" }))), {
    user: "u",
    password: "a%41b",
  });
});

describe("no error shows a value, nor a part of it", () => {
  const value = "hunter2/s3cret word";
  const encoded = encodeURIComponent(value);
  for (const template of [
    "redis://u:${PW}@host/no-database",
    "redis://u:${PW}@host:99999",
    "ftp://u:${PW}@host",
    "tcp://u:${PW}@host:1",
    "postgres://${PW}@host/%zz",
    "redis://host/${PW}",
    "http://${PW}/",
    "${PW}",
    "tcp://host:${PW}",
  ])
    for (const given of [value, encoded])
      test(`${template} with ${given}`, () => {
        const text = faultsOf(`checks: { a: { target: "${template}", timeout: "\${PW}", bad: "\${PW}" } }`, {
          PW: given,
        }).join("\n");
        assert.notEqual(text, "");
        assert.doesNotMatch(text, /hunter2|s3cret|t word|t%20word|%2Fs3/);
      });

  for (const [text, expected] of [
    [
      'checks: { a: { target: "tcp://h:1", interval: "${A:-d}" } }',
      'interval: "***" is not a duration (try 5s, 500ms, 1m)',
    ],
    [
      'checks: { a: { target: "tcp://h:1", interval: "5${A:-xs}" } }',
      'interval: "5***" is not a duration (try 5s, 500ms, 1m)',
    ],
    [
      'checks: { a: { target: "tcp://h:1", timeout: "${A:-1h}" } }',
      "timeout: *** must be below interval (default 10s)",
    ],
    ['checks: { a: "tcp://h:1" }\nservices: { s: ["${A:-e}"] }', 'services.s[0]: there is no check or service "***"'],
    ['checks: { a: { target: "tcp://h:1", jitter: "${A:-7}" } }', "jitter: must be a share from 0 to 1; got ***"],
    ['engine: "${A:-na}"', 'engine: must be one of native, grpc-js; got "***"'],
  ] as const)
    test(`a short value is masked as a value, and not in our own words: ${text}`, () => {
      const [fault = ""] = faultsOf(text);
      assert.ok(fault.includes(expected), fault);
    });
});

test("an error does not show the end of a value that has an @ outside of the user info", () => {
  for (const template of ["http://127.0.0.1:1/x?q=${PW}", "tcp://h:${PW}", "http://127.0.0.1:1/${PW}"])
    for (const value of ["abcd@tailofsecret#x", "a@b@tailofsecret#x", "a@#xy"]) {
      const text = faultsOf(`checks: { a: { target: "${template}" } }`, { PW: value }).join("\n");
      assert.notEqual(text, "", template);
      assert.doesNotMatch(text, /tailofsecret|#xy?/, template);
    }
});
