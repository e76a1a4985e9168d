/**
 * The commands of docs/first-steps.md as one script, in the order of the page.
 *
 *     <!-- file: NAME --> --> cat > NAME        <!-- test: NAME --> --> its commands       --> bash, in an empty folder
 */
import { ALL_PAGES, type Block } from "../../docs/markdown.js";

const PAGE = "docs/first-steps.md";

/** The steps in the order of the page. */
export const STEPS = ["install", "cluster", "watch", "alerts", "outage"] as const;

/** The files that the reader of the page writes. */
export const FILES = ["healthbridge.yaml", "prometheus.yml", "alertmanager.yml"] as const;

const named = (): readonly (Block & { readonly name: string })[] =>
  ALL_PAGES.filter(({ path }) => path === PAGE)
    .flatMap(({ blocks }) => blocks)
    .flatMap((block) => (block.name === undefined ? [] : [{ ...block, name: block.name }]));

/** The names of the blocks of the page, in its order. */
export const blockNames = (): readonly string[] => named().map(({ name }) => name);

/** The commands of Debian's packages on the page, and the packages. */
export const INSTALLING = /^sudo apt-get install --yes (.*)$/gm;

export function debianPackages(): readonly string[] {
  return named().flatMap(({ code }) => [...code.matchAll(INSTALLING)].flatMap(([, list = ""]) => list.split(" ")));
}

/**
 * The script. It stops at the first command that fails, and prints the seconds at the end of each step.
 * @param change what a test takes in place of the commands of a step
 */
export function walkScript(change: (code: string, name: string) => string = (code) => code): string {
  const parts = named().map(({ name, code }) => {
    const isFile = FILES.some((file) => file === name);
    if (isFile) return `cat > ${name} <<'END_OF_FILE'\n${change(code, name)}END_OF_FILE\n`;
    return `${change(code, name)}echo "== ${name}: $SECONDS s"\n`;
  });
  return `set -euo pipefail\n${parts.join("\n")}`;
}
