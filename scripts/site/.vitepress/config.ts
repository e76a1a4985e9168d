/**
 * The docs site: the Markdown of the repository as it is, rendered by VitePress (`npm run site`).
 *
 *     *.md --> markdown-it, with GitHub's anchors --> links to files of the repository become text --> build/site
 *
 * The order of the pages is that of docs/index.md. A dead link ends the build.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { anchorOf, sidebarOf } from "../pages.js";

const ROOT = new URL("../../../", import.meta.url);
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#2e7d32"/></svg>';
const ICON_URL = `data:image/svg+xml,${encodeURIComponent(ICON)}`;

/** What is used of markdown-it, whose types are not installed in the project. */
interface MarkdownIt {
  readonly core: { readonly ruler: { push(name: string, rule: (page: Page) => void): void } };
}
interface Page {
  readonly env: { readonly relativePath?: string };
  readonly tokens: readonly { readonly children: readonly Token[] | null }[];
}
interface Token {
  type: string;
  content: string;
  attrGet(name: string): string | null;
}

/** Files that are no pages stay in the repository: the site names them, and has no link. */
function keepPages(markdown: MarkdownIt): void {
  markdown.core.ruler.push("pages", ({ tokens, env }) => {
    let isFile = false;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? (token.attrGet("href") ?? "") : undefined;
      if (href !== undefined) isFile = isRepositoryFile(href);
      if (!isFile || !token.type.startsWith("link_")) continue;
      const file = posix.join(posix.dirname(env.relativePath ?? ""), href ?? "");
      token.type = "html_inline";
      token.content = href === undefined ? "</span>" : `<span class="file" title="in the repository: ${file}">`;
    }
  });
}

function isRepositoryFile(href: string): boolean {
  return !/^(?:[a-z]+:|#)/.test(href) && !/\.md(?:#.*)?$/.test(href);
}

// biome-ignore lint/style/noDefaultExport: VitePress reads the default export
export default {
  title: "healthbridge",
  description: "One health endpoint that every prober understands",
  srcDir: "../..",
  srcExclude: ["{test,src,scripts,build,dist}/**"],
  outDir: "../../build/site",
  cacheDir: "../../build/site-cache",
  // the site begins with the README; a rewrite would not change the links to it
  buildEnd: ({ outDir }: { readonly outDir: string }) =>
    writeFileSync(`${outDir}/index.html`, '<!doctype html><meta http-equiv="refresh" content="0; url=README.html">\n'),
  head: [["link", { rel: "icon", href: ICON_URL }]],
  markdown: { anchor: { slugify: anchorOf }, config: keepPages },
  themeConfig: {
    logo: ICON_URL,
    search: { provider: "local" },
    logoLink: "/README.html",
    nav: [{ text: "Documentation", link: "/docs/" }],
    sidebar: sidebarOf(readFileSync(new URL("docs/index.md", ROOT), "utf8")),
    outline: [2, 3],
  },
};
