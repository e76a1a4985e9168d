/** The text of file_sd files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readFileSd } from "../../src/instances/file-sd.js";

const addressesIn = async (path: string, text: string) => {
  const read = await readFileSd(path, text);
  assert.ok("addresses" in read, JSON.stringify(read));
  return read.addresses;
};

const JSON_TEXT = `[{ "targets": ["10.0.0.1:80", "[2001:DB8::1]:81", "Host.Example:82"],
  "labels": { "zone": "a", "healthbridge_weight": "7", "healthbridge_tags": "blue, canary" } }]`;
const YAML_TEXT = `
- targets: ["10.0.0.1:80", "[2001:DB8::1]:81"]
  labels: { zone: a, healthbridge_weight: 7, healthbridge_tags: "blue, canary" }
- targets: [Host.Example:82]
  labels: { zone: a, healthbridge_weight: "7", healthbridge_tags: "blue,canary," }`;

for (const [path, text] of [
  ["t.json", JSON_TEXT],
  ["t.yaml", YAML_TEXT],
  ["t.yml", YAML_TEXT],
] as const)
  test(`Targets, labels, weight and tags of ${path} are read.`, async () => {
    const more = { meta: { zone: "a" }, tags: ["blue", "canary"], weight: 7 };
    assert.deepEqual(await addressesIn(path, text), [
      { host: "10.0.0.1", port: 80, ...more },
      { host: "2001:db8::1", port: 81, ...more },
      { host: "host.example", port: 82, ...more },
    ]);
  });

test("A list without groups has no targets, and is no fault.", async () => {
  for (const path of ["t.json", "t.yml"]) assert.deepEqual(await addressesIn(path, "[]"), []);
  assert.deepEqual(await addressesIn("t.json", `[{ "targets": [] }]`), []);
});

describe("A file with a mistake is refused as a whole", () => {
  const faults: readonly (readonly [what: string, path: string, text: string, fault: RegExp])[] = [
    ["an empty file", "t.json", "", /t\.json: is not valid JSON/],
    ["an empty YAML file", "t.yml", "", /must be a list of groups/],
    ["half of a JSON file", "t.json", JSON_TEXT.slice(0, 40), /is not valid JSON/],
    ["invalid YAML", "t.yml", "- targets: [a:1", /t\.yml: /],
    ["a table", "t.json", `{ "targets": [] }`, /must be a list of groups/],
    ["a group without targets", "t.json", `[{ "labels": {} }]`, /group 0: targets must be a list/],
    ["a target without a port", "t.json", `[{ "targets": ["10.0.0.1"] }]`, /group 0: "10.0.0.1" is not HOST:PORT/],
    ["a target with port 0", "t.json", `[{ "targets": ["h:0"] }]`, /is not HOST:PORT/],
    ["a target with a high port", "t.json", `[{ "targets": ["h:65536"] }]`, /is not HOST:PORT/],
    ["a URL", "t.json", `[{ "targets": ["http://h:1"] }]`, /is not HOST:PORT/],
    ["a target with user info", "t.json", `[{ "targets": ["u@h:1"] }]`, /is not HOST:PORT/],
    ["a number", "t.json", `[{ "targets": [1] }]`, /1 is not HOST:PORT/],
    ["an IPv6 address without brackets", "t.json", `[{ "targets": ["::1:80"] }]`, /is not HOST:PORT/],
    ["labels in a list", "t.json", `[{ "targets": [], "labels": [] }]`, /labels must be a table/],
    ["a label that is a table", "t.json", `[{ "targets": [], "labels": { "a": {} } }]`, /the label a must be text/],
    [
      "a weight of 0",
      "t.json",
      `[{ "targets": [], "labels": { "healthbridge_weight": "0" } }]`,
      /healthbridge_weight must be a whole number from 1 to 65535; got "0"/,
    ],
    ["long YAML", "t.yml", `# ${"x".repeat(262_144)}\n[]`, /has more than 262144 characters of YAML; write a longer/],
    ["10,001 targets", "t.json", JSON.stringify([{ targets: Array(10_001).fill("h:1") }]), /more than 10000 targets/],
  ];
  for (const [what, path, text, fault] of faults)
    test(what, async () => {
      const read = await readFileSd(path, text);
      assert.ok("fault" in read);
      assert.match(read.fault, fault);
    });
});

for (const [what, text] of [
  ["lists", "[".repeat(100_000)],
  ["tables", "{a: ".repeat(50_000)],
  ["brackets between quoted ones", '[ "]" '.repeat(40_000)],
  ["blocks on one line", "- ".repeat(50_000)],
  ["properties", "&a ".repeat(50_000)],
  ["indentation", Array.from({ length: 700 }, (_, at) => `${" ".repeat(at)}-`).join("\n")],
])
  test(`YAML with thousands of levels is refused, and does not end the process: ${what}.`, async () => {
    assert.deepEqual(await readFileSd("t.yml", String(text)), { fault: "t.yml: is nested too deeply" });
  });

test("YAML with thousands of keys, or with long words, is read in time.", async () => {
  const keys = Array.from({ length: 20_000 }, (_, at) => `k${at}: 1`).join(", ");
  const startedAt = performance.now();
  for (const text of [`{ ${keys} }`, "-".repeat(200_000), `{${"a,".repeat(100_000)}}`])
    assert.ok("fault" in (await readFileSd("t.yml", text)));
  assert.ok(performance.now() - startedAt < 15_000);
});

test("A fault of YAML shows no parts of the text, and a key that is there twice is one.", async () => {
  const twice = "- targets: [a:1]\n  labels: { password: hunter2, password: hunter3 }\n";
  assert.deepEqual(await readFileSd("t.yml", twice), { fault: "t.yml: a table has the same key twice" });
  const open = await readFileSd("t.yml", "- targets: [a:1\n  labels: { password: hunter2");
  assert.match(JSON.stringify(open), /at line 2, column 3"\}$/);
  assert.doesNotMatch(JSON.stringify(open), /hunter/);
});

for (const target of ["0.0.0.0:80", "[::]:80", "[::ffff:0.0.0.0]:80", "[fe80::1%eth0]:80", { toString: 1 }])
  test(`A target that is the address of no host, or none of a list, is refused: ${JSON.stringify(target)}.`, async () => {
    const read = await readFileSd("t.json", JSON.stringify([{ targets: ["10.0.0.1:80", target] }]));
    assert.match(JSON.stringify(read), /"t.json: group 0: .* is (?:not HOST:PORT|the address of no host)"/);
  });
