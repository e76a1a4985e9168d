/** The command line as a program: help, version, and what it says of a command or flag that it doesn't know. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { COMMANDS } from "../../src/cli/commands.js";
import { SERVE_FLAGS } from "../../src/cli/serve-flags.js";
import { version } from "../../src/core/version.js";
import { run } from "./program.js";

const KNOWN = Object.keys(COMMANDS).join(", ");
const MANIFEST = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

describe("healthbridge", { concurrency: 2 }, () => {
  test("prints the version of the package", async () => {
    assert.equal(version(), MANIFEST.version);
    const expected = { code: 0, stdout: `healthbridge ${MANIFEST.version}\n`, stderr: "" };
    for (const args of [["--version"], ["-v"], ["version"], ["serve", "-v"], ["test", "--version"], ["schema", "-v"]])
      assert.deepEqual(await run(...args), expected, args.join(" "));
  });

  test("help COMMAND is COMMAND --help", async () => {
    assert.deepEqual(await run("help", "validate"), await run("validate", "--help"));
  });

  for (const [wrong, right] of [
    ["serv", "serve"],
    ["valdiate", "validate"],
    ["tset", "test"],
    ["shcema", "schema"],
  ])
    test(`${wrong} is answered with the nearest command`, async () => {
      const { code, stderr } = await run(String(wrong));
      assert.deepEqual([code, stderr], [2, `healthbridge: unknown command "${wrong}"; did you mean ${right}?\n`]);
    });

  for (const word of ["--help", "-h", "help"]) {
    test(`${word} names every command, on stdout`, async () => {
      const { code, stdout, stderr } = await run(word);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, /^Usage: healthbridge \[COMMAND\] \[FLAGS\]$/m);
      assert.match(stdout, /^ {2}serve +\S/m);
      assert.ok(stdout.endsWith("\n") && !stdout.endsWith("\n\n"));
    });
  }

  for (const word of ["--help", "-h"]) {
    test(`serve ${word} names every flag, with examples, on stdout`, async () => {
      const { code, stdout, stderr } = await run("serve", word);
      assert.deepEqual([code, stderr], [0, ""]);
      const words = stdout.replace(/\s+/g, " ");
      for (const { name, help } of SERVE_FLAGS) assert.ok(words.includes(`--${name}`) && words.includes(help), name);
      assert.match(stdout, /^Examples:\n {2}healthbridge serve$/m);
    });
  }

  for (const command of Object.keys(COMMANDS)) {
    test(`${command} --help shows how to use ${command}, on stdout`, async () => {
      const { code, stdout, stderr } = await run(command, "--help");
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, new RegExp(`^Usage: healthbridge .*${command}`, "m"));
      assert.match(stdout, /^Examples:\n {2}(healthbridge|source) /m);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
    });
  }

  test("the help of probe has its flags without the stray marks of their defaults", async () => {
    const { stdout } = await run("probe", "--help");
    assert.match(stdout, /service name to check; more than one with multiple flags/);
    const { code, stdout: nothing } = await run("probe", "-h");
    assert.deepEqual([code, nothing], [1, ""], "as grpc_health_probe");
  });

  const refused: readonly (readonly [readonly string[], string])[] = [
    [["bogus"], `unknown command "bogus"; known: ${KNOWN}`],
    [["constructor"], `unknown command "constructor"; known: ${KNOWN}`],
    [["__proto__"], `unknown command "__proto__"; known: ${KNOWN}`],
    [["\u001b[2J"], `unknown command "\\u001b[2J"; known: ${KNOWN}`],
    [["--listn", ":0"], "unknown flag --listn; did you mean --listen?"],
    [["serve", "--bogus"], "unknown flag --bogus"],
    [["serve", "serve"], 'unexpected argument "serve"'],
    [
      ["redis://u:s3cret@h"],
      `unknown command "redis://***@h"; known: ${KNOWN}; to probe a URL, write healthbridge test URL`,
    ],
    [["serve", "redis://u:s3cret@h"], 'unexpected argument "redis://***@h"'],
    [["test", "tcp://h:1", "u:s3cret@h"], 'unexpected argument "***@h"'],
  ];
  for (const [args, message] of refused) {
    test(`${JSON.stringify(args.join(" "))} ends with code 2 and one line on stderr`, async () => {
      assert.deepEqual(await run(...args), { code: 2, stdout: "", stderr: `healthbridge: ${message}\n` });
    });
  }
});
