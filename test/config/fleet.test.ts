/** The fleet of a file: what it becomes, how each check is shared, and each mistake at its place. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { faultsOf, read } from "./reading.js";

const folder = mkdtempSync(join(tmpdir(), "hb-fleet-"));
after(() => rmSync(folder, { recursive: true }));
const secret = join(folder, "secret");
writeFileSync(secret, "0123456789abcdef\n", { mode: 0o600 });
const short = join(folder, "short");
writeFileSync(short, "0123456789abcde\n", { mode: 0o600 });

const fleet = (more = "", store = "redis://redis:6379") =>
  `fleet: { name: prod, store: "${store}", secretFile: ${secret}${more === "" ? "" : `, ${more}`} }\n`;

const HEARTBEAT = "{ heartbeat: { ttl: 1m, token: t } }";

test("a fleet has a name and a store; the rest has defaults", () => {
  const { store, sharing, ...others } = read(fleet()).fleet ?? {};
  assert.deepEqual([store?.kind, store?.label], ["redis", "redis://redis:6379"]);
  assert.deepEqual([...(sharing ?? [])], []);
  assert.deepEqual(others, {
    name: "prod",
    tls: undefined,
    secret: "0123456789abcdef",
    member: hostname(),
    zone: undefined,
    beatMs: 1_000,
    leaseMs: 5_000,
    settleMs: 2_000,
    capacity: 4_000,
    whenStoreIsGone: "auto",
  });
  assert.equal(read("listen: [':0']").fleet, undefined);
});

test("times, member, zone and capacity are those of the file", () => {
  const keys = "member: m-1, zone: eu-1, beat: 500ms, lease: 1500ms, settle: 0s, capacity: 10, whenStoreIsGone: share";
  const found = read(fleet(keys)).fleet;
  assert.deepEqual(
    [found?.member, found?.zone, found?.beatMs, found?.leaseMs, found?.settleMs],
    [...["m-1", "eu-1"], ...[500, 1_500, 0]],
  );
  assert.deepEqual([found?.capacity, found?.whenStoreIsGone], [10, "share"]);
});

test("a zone that is empty is none: the label of a node may be missing", () => {
  assert.deepEqual(read(fleet(`zone: ""`)).fleet, read(fleet()).fleet);
  assert.deepEqual(read(fleet('zone: "${Z}"'), { Z: "" }).fleet, read(fleet()).fleet);
});

test("a password in the store comes from the environment, and is percent-encoded", () => {
  const found = read(fleet("", "redis://hb:${P}@redis"), { P: "a@b/c#d" }).fleet;
  assert.equal(found?.store.password, "a@b/c#d");
});

for (const before of [
  `zone: "\${Z}", secretFile: ${secret}`,
  `member: "\${Z}", secretFile: ${secret}`,
  `secretFile: "${folder}/\${S}"`,
])
  test(`a password in the store is percent-encoded, also after ${before.split(":")[0]} from the environment`, () => {
    const file = `fleet: { name: prod, ${before}, store: "redis://hb:\${P}@redis" }`;
    assert.equal(read(file, { P: "a@b/c#d", Z: "z1", S: "secret" }).fleet?.store.password, "a@b/c#d");
  });

test("PostgreSQL needs no secret: no other program writes there", () => {
  assert.deepEqual(faultsOf('fleet: { name: prod, store: "postgres://hb@db/hb" }\n'), []);
});

describe("how a check is shared", () => {
  const sharingOf = (check: string, more = "") =>
    read(`allowExec: true\n${fleet(more)}checks: { c: ${check} }\n`).fleet?.sharing.get("c");
  const rows: Readonly<Record<string, readonly [check: string, expected: object, more?: string]>> = {
    "a target: two copies, a majority": ['"tcp://h:1"', { scope: "shared", copies: 2, agree: 2 }],
    "three copies: two agree": ['{ target: "tcp://h:1", copies: 3 }', { scope: "shared", copies: 3, agree: 2 }],
    "of the fleet": ['"tcp://h:1"', { scope: "shared", copies: 5, agree: 3 }, "copies: 5"],
    "agree of the fleet": ['"tcp://h:1"', { scope: "shared", copies: 5, agree: 1 }, "copies: 5, agree: 1"],
    "its own keys go first": [
      '{ target: "tcp://h:1", copies: 4, agree: majority }',
      { scope: "shared", copies: 4, agree: 3 },
      "copies: 5, agree: 1",
    ],
    "one copy": ['{ target: "tcp://h:1", copies: 1 }', { scope: "shared", copies: 1, agree: 1 }],
    "each member": ['{ target: "tcp://h:1", scope: each }', { scope: "each", copies: 1, agree: "majority" }],
    "each member, one is enough": [
      '{ target: "tcp://h:1", scope: each, agree: 1 }',
      { scope: "each", copies: 1, agree: 1 },
    ],
    "local, as it says": ['{ target: "tcp://h:1", scope: local }', { scope: "local", copies: 1, agree: 1 }],
    "loopback is local": ['"tcp://127.0.0.1:1"', { scope: "local", copies: 1, agree: 1 }],
    "localhost is local": ['"http://localhost:1/"', { scope: "local", copies: 1, agree: 1 }],
    "a unix socket is local": ['"unix:///run/x.sock"', { scope: "local", copies: 1, agree: 1 }],
    "a program is local": ["{ exec: [a] }", { scope: "local", copies: 1, agree: 1 }],
    "loopback of each member": [
      '{ target: "tcp://[::1]:1", scope: each }',
      { scope: "each", copies: 1, agree: "majority" },
    ],
    "a heartbeat is of each member": [HEARTBEAT, { scope: "each", copies: 1, agree: "majority" }],
  };
  for (const [title, [check, expected, more]] of Object.entries(rows))
    test(title, () => assert.deepEqual(sharingOf(check, more), expected));
});

describe("a mistake is refused at its place", () => {
  const rows: Readonly<Record<string, readonly [text: string, ...faults: RegExp[]]>> = {
    "no store": ["fleet: { name: prod }\n", /^1:8: fleet\.store: is missing/],
    "a store that is none": [fleet("", "mongodb://h"), /fleet\.store: .*redis:\/\//],
    "no secret with Redis": ['fleet: { name: prod, store: "redis://h" }\n', /^1:8: fleet: needs secretFile/],
    "no secret with Sentinel": ['fleet: { name: p, store: "redis+sentinel://h/m" }\n', /fleet: needs secretFile/],
    "no secret with Cluster": ['fleet: { name: p, store: "redis+cluster://h" }\n', /fleet: needs secretFile/],
    "a short secret": [
      `fleet: { name: p, store: "redis://h", secretFile: ${short} }\n`,
      /fleet\.secretFile: .*short must contain 16 or more characters; it has 15$/,
    ],
    "options of TLS for a Redis without TLS": [
      fleet("tls: { verify: true }"),
      /fleet\.tls: has no effect on a store without TLS; for TLS use rediss:\/\/ in store$/,
    ],
    "options of TLS for Sentinels without TLS": [
      fleet("tls: { verify: true }", "redis+sentinel://h/m"),
      /fleet\.tls: .*; for TLS use rediss\+sentinel:\/\/ in store$/,
    ],
    "options of TLS for a cluster without TLS": [
      fleet("tls: { verify: true }", "redis+cluster://h"),
      /fleet\.tls: .*; for TLS use rediss\+cluster:\/\/ in store$/,
    ],
    "options of TLS for a PostgreSQL without TLS": [
      fleet("tls: { verify: true }", "postgres://u@h/db?sslmode=disable"),
      /fleet\.tls: .*; for TLS add \?sslmode=require in store$/,
    ],
    "a secret that does not exist": [
      'fleet: { name: p, store: "redis://h", secretFile: /nowhere }\n',
      /fleet\.secretFile: cannot read the file \/nowhere/,
    ],
    "a name with a brace": [fleet("").replace("prod", '"a{b"'), /fleet\.name: must be letters/],
    "a member with a space": [fleet('member: "a b"'), /fleet\.member: must be 1 to 128 printable characters/],
    "a zone with a space": [fleet('zone: "a b"'), /fleet\.zone: must be 1 to 128 printable characters/],
    "a beat below 200 ms": [fleet("beat: 100ms"), /fleet\.beat: must be from 200ms to 10s; got 100ms/],
    "a lease below three beats": [
      fleet("lease: 2999ms"),
      /fleet\.lease: must be from 3 beats \(3s\) to 1m; got 2999ms/,
    ],
    "a lease above a minute": [fleet("lease: 61s"), /fleet\.lease: must be from 3 beats/],
    "a beat that is too long for the lease": [
      fleet("beat: 2s"),
      /fleet\.beat: must be at most a third of lease \(5s\); got 2s/,
    ],
    "a settle time above 30 s": [fleet("settle: 31s"), /fleet\.settle: must be at most 30s/],
    "more than 16 copies": [fleet("copies: 17"), /fleet\.copies: must be at most 16; got 17/],
    "more that agree than copies": [fleet("agree: 3"), /fleet\.agree: must be at most copies \(2\); got 3/],
    "agree that is no number": [fleet("agree: most"), /fleet\.agree: must be majority or a number; got "most"/],
    "no copies": [fleet("copies: 0"), /fleet\.copies: must be a whole number from 1 on/],
    "what is not known": [fleet("whenStoreIsGone: none"), /fleet\.whenStoreIsGone: must be one of auto, all, share/],
    "a key that is not known": [fleet("secret: x"), /fleet\.secret: unknown key/],
    "a key of tls that is not known": [
      fleet("tls: { serverNme: x }", "rediss://:${P:-x}@redis"),
      /fleet\.tls\.serverNme: unknown key; did you mean serverName\?$/,
    ],
    "a loopback target that is shared": [
      `${fleet()}checks: { c: { target: "tcp://127.0.0.1:1", scope: shared } }\n`,
      /^2:\d+: checks\.c\.scope: must be local or each: the target is on one machine/,
    ],
    "a heartbeat that is local": [
      `${fleet()}checks: { c: { heartbeat: { ttl: 1m, token: t }, scope: local } }\n`,
      /checks\.c\.scope: a heartbeat may arrive at each member; remove scope/,
    ],
    "copies of a local check": [
      `${fleet()}checks: { c: { target: "tcp://127.0.0.1:1", copies: 2 } }\n`,
      /checks\.c\.copies: is only for a check that is shared; this one is local/,
    ],
    "agree of a local check": [
      `${fleet()}checks: { c: { target: "tcp://127.0.0.1:1", agree: 1 } }\n`,
      /checks\.c\.agree: is not for a check that is local/,
    ],
    "copies of each": [
      `${fleet()}checks: { c: { target: "tcp://h:1", scope: each, copies: 2 } }\n`,
      /checks\.c\.copies: is only for a check that is shared; this one is each/,
    ],
    "more that agree than copies of a check": [
      `${fleet()}checks: { c: { target: "tcp://h:1", copies: 3, agree: 4 } }\n`,
      /checks\.c\.agree: must be at most copies \(3\); got 4/,
    ],
    "what fleet has, once and not for each check": [
      `${fleet("agree: 30, copies: 20")}checks: { a: "tcp://h:1", b: { target: "tcp://h:1", scope: each }, c: "tcp://h:2" }\n`,
      /^1:\d+: fleet\.agree: must be at most copies \(16\); got 30$/,
      /^1:\d+: fleet\.copies: must be at most 16; got 20$/,
    ],
    "fewer copies of a check than agree of fleet, at copies": [
      `${fleet("agree: 2")}checks: { c: { target: "tcp://h:1", copies: 1 }, d: "tcp://h:1" }\n`,
      /^2:\d+: checks\.c\.copies: must be at least agree of fleet \(2\), or write agree too; got 1$/,
    ],
    "more that agree in a check than copies of fleet, at agree": [
      `${fleet("copies: 3")}checks: { c: { target: "tcp://h:1", agree: 4 } }\n`,
      /^2:\d+: checks\.c\.agree: must be at most copies \(3\); got 4$/,
    ],
    "scope without a fleet": [
      'checks: { c: { target: "tcp://h:1", scope: local } }\n',
      /checks\.c\.scope: needs fleet$/,
    ],
    "copies and agree without a fleet": [
      'checks: { c: { target: "tcp://h:1", copies: 2, agree: 1 } }\n',
      /checks\.c\.copies: needs fleet$/,
      /checks\.c\.agree: needs fleet$/,
    ],
  };
  for (const [title, [text, ...expected]] of Object.entries(rows))
    test(title, () => {
      const faults = faultsOf(text);
      for (const [index, fault] of expected.entries()) assert.match(faults[index] ?? "", fault);
      assert.equal(faults.length, expected.length, faults.join("\n"));
    });
});

test("no error shows a password of the store", () => {
  const faults = faultsOf(fleet("", "redis://hb:s3cret@h:notaport"));
  assert.equal(faults.length, 1);
  assert.doesNotMatch(faults.join("\n"), /s3cret/);
});

const SHORT = '{ target: "http://h/", interval: 1s, staleAfter: 9s }';

for (const [title, keys, check, expected] of [
  ["a shared check", "", SHORT, /^staleAfter of a: below ten beats of the fleet \(10s\)/],
  ["a check of each member", "", SHORT.replace("{", "{ scope: each,"), /^staleAfter of a:/],
  ["a check with the default, when beats are long", "beat: 4s, lease: 12s", '{ target: "http://h/" }', /\(40s\)/],
  ["no check of one machine", "", SHORT.replace("h/", "127.0.0.1/"), undefined],
  ["no check with ten beats", "", SHORT.replace("9s", "10s"), undefined],
  ["no check with the default", "", '{ target: "http://h/", interval: 1s }', undefined],
  ["no check with ten short beats", "beat: 500ms", SHORT, undefined],
] as const)
  test(`a staleAfter below ten beats is a warning: ${title}`, () => {
    const { warnings } = read(`${fleet(keys)}checks: { a: ${check} }`);
    if (expected === undefined) assert.deepEqual(warnings, []);
    else assert.match(warnings[0] ?? "", expected);
  });

test("a warning about staleAfter names three checks, and a file without a fleet has none", () => {
  const checks = `checks: { ${["a", "b", "c", "d", "e"].map((name) => `${name}: ${SHORT}`).join(", ")} }`;
  assert.match(read(`${fleet()}${checks}`).warnings[0] ?? "", /^staleAfter of a, b, c, 2 more:/);
  assert.deepEqual(read(checks).warnings, []);
});
