/** The blocks of code of docs/deploy/systemd.md, which the tests of this folder run. */
import { readFileSync } from "node:fs";
import type { Machine } from "./machine.js";

const PAGE = readFileSync(new URL("../../../docs/deploy/systemd.md", import.meta.url), "utf8");

/** The block with the mark `<!-- test: NAME -->` in a language. */
export function block(name: string, language: "sh" | "yaml" | "ini"): string {
  const [, code] = new RegExp(`<!-- test: ${name} -->\n\`\`\`${language}\n([^]*?)\`\`\``).exec(PAGE) ?? [];
  if (code === undefined) throw new Error(`docs/deploy/systemd.md has no block ${name} in ${language}`);
  return code;
}

/** Runs a block of commands in the machine, where every command is that of root. */
export function runBlock(machine: Machine, name: string): Promise<string> {
  return machine.run("sh", "-e", "-c", block(name, "sh").replaceAll("sudo ", ""));
}
