/** `healthbridge validate` as a program: it refuses what `serve` refuses, with the same lines. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { run, runIn, runWith } from "./program.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-validate-"));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

describe("validate", { concurrency: 2 }, () => {
  after(() => rmSync(directory, { recursive: true }));

  const rows: readonly (readonly [label: string, text: string, flags: readonly string[], lines: number])[] = [
    ["a heartbeat with a timeout", "checks: { b: { heartbeat: { ttl: 3s, token: t }, timeout: 5s } }", [], 1],
    ["a check under the self-check's name", 'checks: { self-check: "tcp://h:1" }', [], 1],
    [
      "a service with the name of a --check",
      'checks: { a: "tcp://h:1" }\nservices: { m: [a] }',
      ["--check", "m=tcp://h:1"],
      1,
    ],
    ["a --check with the name of a check", 'checks: { a: "tcp://h:1" }', ["--check", "a=tcp://h:1"], 1],
    [
      "a --check with a bad target beside a bad file",
      "lissen: []\nchecks: { a: ftp://h }",
      ["--check", "b=tcp://h"],
      3,
    ],
    ["an address that is listed twice", 'listen: [":0", ":1", ":1"]', [], 1],
    ["a descriptor with a listener thread", 'listenThread: true\nlisten: ["fd://3"]', [], 1],
    ["a method that the server has already", "statusCodePaths: [/grpc.health.v1.Health/Watch]", [], 1],
    ["a reflection method", "statusCodePaths: [/grpc.reflection.v1.ServerReflection/ServerReflectionInfo]", [], 1],
    ["a limit beyond all numbers", "listLimit: 1e300", [], 1],
    ["an empty file", "", [], 1],
    ["an empty file beside a --check", "# nothing\n", ["--check", "a=tcp://h:1"], 1],
    ["a file that is not YAML", "checks: {", [], 1],
    ["an unknown log level", 'checks: { a: "tcp://h:1" }', ["--log-level", "loud"], 1],
    ["an unknown log format", 'checks: { a: "tcp://h:1" }', ["--log-format", "xml"], 1],
    ["a token of two words", `tokenFile: ${file("token", "two words")}`, [], 1],
  ];
  for (const [index, [label, text, flags, lines]] of rows.entries())
    test(`refuses ${label}, as serve does, with the same lines`, async () => {
      const path = file(`${index}.yaml`, text);
      const [validated, served] = await Promise.all([
        run("validate", path, ...flags),
        run("serve", "-c", path, "--drain-delay", "0s", ...flags),
      ]);
      assert.deepEqual([validated.code, served.code], [2, 2], served.stdout);
      assert.equal(validated.stderr, served.stderr);
      assert.equal(validated.stderr.trim().split("\n").length, lines, validated.stderr);
    });

  test("accepts a file whose services have a --check as their member, with the flag and not without it", async () => {
    const path = file("members.yaml", "services: { s: [a] }");
    assert.deepEqual(await run("validate", path, "--check", "a=tcp://h:1"), {
      code: 0,
      stdout: `${path} is valid: 1 check, 1 service\n`,
      stderr: "",
    });
    const { code, stderr } = await run("validate", "-c", path);
    assert.deepEqual(
      [code, stderr],
      [2, `${path}:1:17: services.s[0]: there is no check or service "a"; did you mean s?\n`],
    );
  });

  test("counts the webhooks and the rules of recovery, if there are any", async () => {
    const path = file(
      "hooks.yaml",
      `allowExec: true
checks: { a: "tcp://h:1" }
recovery: { r: { services: [a], exec: [/bin/true] } }
webhooks: { one: "http://h/", two: "http://h/" }
`,
    );
    assert.equal(
      (await run("validate", path)).stdout,
      `${path} is valid: 1 check, 0 services, 2 webhooks, 1 recovery rule\n`,
    );
  });

  test("without a file validates the flags, and without both asks for the usual file", async () => {
    assert.equal(
      (await run("validate", "--check", "a=tcp://h:1")).stdout,
      "the configuration is valid: 1 check, 0 services\n",
    );
    const { code, stderr } = await run("validate");
    assert.deepEqual([code, stderr], [2, "healthbridge.yaml: cannot read this file: not found (ENOENT)\n"]);
  });

  test("without its environment, a file is judged but for its values", async () => {
    const text = `checks: { a: { target: "redis://u:\${NOT_SET_PW}@h:\${NOT_SET_PORT}", interval: "\${NOT_SET}" } }`;
    const path = file("no-env.yaml", text);
    assert.match((await run("validate", path)).stderr, /the environment variable NOT_SET_PW is not set/);
    assert.deepEqual(await run("validate", "--no-env", path), {
      code: 0,
      stdout: `${path} is valid in any environment: 1 check, 0 services\n`,
      stderr: "",
    });
    const wrong = file("no-env-wrong.yaml", text.replace("redis", "rediz"));
    const { code, stderr } = await run("validate", wrong, "--no-env");
    assert.deepEqual([code, /unknown scheme "rediz"; .*did you mean redis/.test(stderr)], [2, true], stderr);
    assert.match((await run("serve", "--no-env", "-c", path)).stderr, /unknown flag --no-env/);
  });

  test("healthbridge.yml is found too, and not beside healthbridge.yaml", async () => {
    const folder = mkdtempSync(join(directory, "yml-"));
    writeFileSync(join(folder, "healthbridge.yml"), "checks: { a: tcp://h:1 }");
    assert.equal((await runIn(folder, "validate")).stdout, "healthbridge.yml is valid: 1 check, 0 services\n");
    writeFileSync(join(folder, "healthbridge.yaml"), "checks: {}");
    const both = "healthbridge: healthbridge.yaml and healthbridge.yml both exist";
    for (const command of ["validate", "serve"]) {
      const { code, stderr } = await runIn(folder, command);
      assert.deepEqual([code, stderr], [2, `${both}; remove one of them, or name one: -c healthbridge.yaml\n`]);
    }
    assert.equal((await runIn(folder, "validate", "healthbridge.yml")).code, 0);
  });

  test("refuses an invalid variable, and warns of one that is probably misspelt, as serve does", async () => {
    const path = file("variable.yaml", 'checks: { a: "tcp://h:1" }');
    const { code, stderr } = await runWith({ HEALTHBRIDGE_LOG_LEVL: "debug" }, "validate", path);
    assert.deepEqual([code, /^warning: the variable HEALTHBRIDGE_LOG_LEVL is not known/m.test(stderr)], [0, true]);

    const xml = { HEALTHBRIDGE_LOG_FORMAT: "xml" };
    const refused = await Promise.all([runWith(xml, "validate", path), runWith(xml, "serve", "-c", path)]);
    for (const ended of refused)
      assert.match(
        ended.stderr,
        /^healthbridge: HEALTHBRIDGE_LOG_FORMAT \(--log-format\): must be one of .*; got "xml"$/m,
      );
  });

  test("takes one file", async () => {
    const path = file("one.yaml", "");
    assert.match((await run("validate", path, path)).stderr, /^healthbridge: unexpected argument "/);
  });
});
