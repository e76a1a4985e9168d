/**
 * Every Markdown page of the repository: its title, its first sentence, its headings, its links and its code blocks.
 *
 *     git's files --> *.md --> lines --> blocks (between fences), and prose: headings, links
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { path } from "./snippets.js";

/** A fenced block of code. */
export interface Block {
  /** `docs/checks.md:19`, the line of its fence. */
  readonly place: string;
  /** The path of its page. */
  readonly page: string;
  /** The word after the fence; empty without one. */
  readonly language: string;
  /** The name in `<!-- test: NAME -->` or `<!-- file: NAME -->` on the line above. */
  readonly name: string | undefined;
  readonly code: string;
}

export interface Link {
  /** `docs/checks.md:19`. */
  readonly place: string;
  /** The path of a file in the repository, or an address with a scheme. */
  readonly target: string;
  /** The part after `#`; empty without one. */
  readonly anchor: string;
}

export interface MarkdownPage {
  /** Its path in the repository. */
  readonly path: string;
  readonly title: string;
  /** The text below the title, up to an empty line. */
  readonly opening: string;
  /** What a link to a heading can name. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  readonly blocks: readonly Block[];
  /** The lines outside of fences that begin with four spaces after an empty line: code without a fence. */
  readonly indented: readonly string[];
}

/** All pages but notes beside tests; those that are not committed yet among them. */
export const ALL_PAGES: readonly MarkdownPage[] = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", "*.md", ":!test"],
  { cwd: path("."), encoding: "utf8" },
)
  .trim()
  .split("\n")
  .map((file) => readMarkdown(file, readFileSync(path(file), "utf8")));

/** Reads the text of a page. */
export function readMarkdown(page: string, text: string): MarkdownPage {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  const prose: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const [, indent = "", language] = /^( *)```(.*)$/.exec(lines[index] ?? "") ?? [];
    prose.push(language === undefined ? (lines[index] ?? "") : "");
    if (language === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, index + 1);
    if (end === -1) throw new Error(`${page}:${index + 1}: the block has no end`);
    const name = /^ *<!-- (?:test|file): ([\w. -]+) -->$/.exec(lines[index - 1] ?? "")?.[1];
    const code = lines.slice(index + 1, end).map((line) => line.slice(indent.length));
    blocks.push({ place: `${page}:${index + 1}`, page, language, name, code: `${code.join("\n")}\n` });
    prose.push(...lines.slice(index + 1, end + 1).map(() => ""));
    index = end;
  }
  return { path: page, blocks, ...partsOf(page, prose) };
}

function partsOf(page: string, prose: readonly string[]): Omit<MarkdownPage, "path" | "blocks"> {
  const first = prose.findIndex((line, index) => index > 0 && line !== "");
  const opening = prose.slice(first, prose.indexOf("", first)).join(" ");
  const headings = prose.flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? []);
  return {
    title: /^# (.*)$/.exec(prose[0] ?? "")?.[1] ?? "",
    opening,
    anchors: anchorsOf(headings),
    links: prose.flatMap((line, index) => linksOf(page, line, index + 1)),
    indented: prose.flatMap((line, index) =>
      line.startsWith("    ") && prose[index - 1] === "" ? `${page}:${index + 1}` : [],
    ),
  };
}

/** GitHub's anchors: lower case, without punctuation, spaces as hyphens; a number makes a second one unique. */
function anchorsOf(headings: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const heading of headings) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
    const base = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-");
    let anchor = base;
    for (let number = 1; anchors.has(anchor); number += 1) anchor = `${base}-${number}`;
    anchors.add(anchor);
  }
  return anchors;
}

function linksOf(page: string, line: string, number: number): readonly Link[] {
  const text = line.replaceAll(/`[^`]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, address = ""]) => {
    const place = `${page}:${number}`;
    if (/^[a-z]+:/.test(address)) return { place, target: address, anchor: "" };
    const [file = "", anchor = ""] = address.split("#");
    const target = file === "" ? page : posix.normalize(posix.join(posix.dirname(page), file)).replace(/\/$/, "");
    return { place, target, anchor };
  });
}
