/** The pages of docs/targets: one for each kind of target, with the schemes that its title names. */
import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../docs/targets/", import.meta.url);

export interface Page {
  /** The name of its file, without the ending. */
  readonly name: string;
  readonly text: string;
  /** The schemes in its title; none for a program, a function and a heartbeat. */
  readonly schemes: readonly string[];
}

export const PAGES: readonly Page[] = readdirSync(FOLDER)
  .sort()
  .map((file) => {
    const text = readFileSync(new URL(file, FOLDER), "utf8");
    const title = /^# (`.*)\n/.exec(text)?.[1] ?? "";
    return {
      name: file.replace(/\.md$/, ""),
      text,
      schemes: [...title.matchAll(/`([^`]+)`/g)].map(([, scheme = ""]) => scheme),
    };
  });

/** The code blocks of a page in a language. */
export function blocksOf(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(([, code = ""]) => code);
}
