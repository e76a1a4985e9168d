/**
 * What the site takes from the Markdown of the repository: the order of its pages, and the anchors of GitHub.
 *
 *     docs/index.md:  ## Section            --> a group of the sidebar
 *                     - [Title](page): ...  --> its entries, in this order; indented lines are one level deeper
 */
import { posix } from "node:path";

/** An entry of the sidebar of VitePress. */
export interface SidebarItem {
  readonly text: string;
  readonly link?: string;
  readonly items?: SidebarItem[];
  readonly collapsed?: boolean;
}

/** The sidebar that a text of docs/index.md means. */
export function sidebarOf(index: string): SidebarItem[] {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [text = "", ...lines] = section.split("\n");
      return { text, items: itemsOf(lines) };
    });
}

function itemsOf(lines: readonly string[]): SidebarItem[] {
  const items: SidebarItem[] = [];
  for (const line of lines) {
    const [, indent, rest = ""] = /^( *)- (.*)$/.exec(line) ?? [];
    const links = [...rest.matchAll(/\[([^\]]*)\]\(([^)]*)\)/g)].map(([, text = "", target = ""]) => ({
      text: text.replaceAll("`", ""),
      link: urlOf(target),
    }));
    const parent = items.at(-1);
    if (indent === "" || parent === undefined) items.push(...links);
    else items[items.length - 1] = { ...parent, collapsed: true, items: [...(parent.items ?? []), ...links] };
  }
  return items;
}

/** The address of a page on the site, from a link of docs/index.md. */
function urlOf(target: string): string {
  return posix.join("/docs", target).replace(/\.md$/, "");
}

/** GitHub's anchor of a heading: lower case, without punctuation, spaces as hyphens. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replaceAll(" ", "-");
}
