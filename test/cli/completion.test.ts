/** The completions of bash, asked as bash asks them, and the man page. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { allHelp, COMMANDS } from "../../src/cli/commands.js";
import { run } from "./program.js";

/** What bash offers for a command line of which the last word is incomplete. */
function offered(script: string, ...words: string[]): readonly string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _healthbridge; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const answer = execFileSync("bash", ["--norc", "-c", `${script}\n${ask}`], { encoding: "utf8" });
  return answer.split("\n").filter((word) => word !== "");
}

describe("the completion of bash", async () => {
  const { stdout: script, code } = await run("completion", "bash");
  assert.equal(code, 0);

  test("offers every command", () => {
    assert.deepEqual([...offered(script, "healthbridge", "")].sort(), Object.keys(COMMANDS).sort());
  });

  for (const { name, help } of await allHelp())
    test(`offers every flag of ${name}`, () => {
      const flags = ["help", ...help.flags.map((flag) => flag.name)].map((flag) => `--${flag}`);
      assert.deepEqual([...offered(script, "healthbridge", name, "--")].sort(), flags.sort());
    });

  const rows: readonly (readonly [readonly string[], readonly string[]])[] = [
    [["ser"], ["serve"]],
    [["--log-l"], ["--log-level"]],
    [["serve", "--log-level", "de"], ["debug"]],
    [
      ["serve", "--log-format", ""],
      ["json", "text"],
    ],
    [["serve", "--engine", "n"], ["native"]],
    [["validate", "-c", "package.j"], ["package.json"]],
    [["validate", "package.j"], ["package.json"]],
    [["serve", "--listen", ""], []],
    [["nothing", "--"], []],
  ];
  for (const [words, expected] of rows)
    test(`offers ${expected.join(", ") || "nothing"} for ${words.join(" ")}`, () => {
      assert.deepEqual(offered(script, "healthbridge", ...words), expected);
    });
});

describe("completion", () => {
  for (const [args, message] of [
    [[], "name a shell: bash, zsh, fish"],
    [["tcsh"], 'unknown shell "tcsh"; known: bash, zsh, fish'],
    [["__proto__"], 'unknown shell "__proto__"; known: bash, zsh, fish'],
  ] as const)
    test(`${args.join(" ") || "without a shell"} is refused`, async () => {
      assert.deepEqual(await run("completion", ...args), { code: 2, stdout: "", stderr: `healthbridge: ${message}\n` });
    });
});

describe("the man page", () => {
  test("has every command and flag, and no text that troff takes for a request", async () => {
    const { stdout, code } = await run("man");
    assert.equal(code, 0);
    for (const { name, help } of await allHelp()) {
      assert.match(stdout, new RegExp(`^\\.SH ${name.toUpperCase()}$`, "m"));
      for (const flag of help.flags) assert.ok(stdout.includes(`\\-\\-${flag.name.replaceAll("-", "\\-")}`), flag.name);
    }
    const requests = stdout.match(/^[.'][A-Za-z]*/gm) ?? [];
    assert.deepEqual([...new Set(requests)].sort(), [".B", ".PP", ".RE", ".RS", ".SH", ".TH", ".TP", ".fi", ".nf"]);
  });
});
