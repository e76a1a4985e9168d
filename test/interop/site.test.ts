/**
 * The docs site: it has every page, every link and every anchor in it leads somewhere, and a browser asks no other host.
 *
 *     npm run site --> build/site --> a server with `default-src 'self'` --> Chromium, which reports what is refused
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { extname, join, posix } from "node:path";
import { after, before, describe, test } from "node:test";
import { ALL_PAGES } from "../docs/markdown.js";
import { path } from "../docs/snippets.js";
import { Browser, type BrowserPage, type ContextOptions } from "./page-browser.js";

const SITE = path("build/site");

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

/** The site uses scripts and styles in its pages; everything else comes from its own host. */
const POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data:";

/** The files of the site by their paths. */
const htmlFiles = (): readonly string[] =>
  readdirSync(SITE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html"));

const urlOf = (page: string) => page.replace(/\.md$/, ".html");

describe("the docs site", () => {
  let browser: Browser;
  let server: Server;
  let port = 0;
  before(async () => {
    execFileSync("npm", ["run", "--silent", "site"], { cwd: path("."), stdio: "pipe" });
    server = createServer(({ url = "/" }, response) => {
      const { pathname } = new URL(url, "http://site");
      const file = join(SITE, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
      if (!existsSync(file)) return void response.writeHead(404).end();
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = Object(server.address()).port;
    browser = await Browser.launch();
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  const open = async (page: string, options?: ContextOptions): Promise<BrowserPage> => {
    const opened = await browser.page(options);
    assert.equal(await opened.open(`http://127.0.0.1:${port}/${urlOf(page)}`), 200, page);
    await opened.becomes(`document.querySelector(".VPSidebar") && document.readyState === "complete"`);
    return opened;
  };

  test("has every page of the repository, and no other", () => {
    const expected = [...ALL_PAGES.map((page) => urlOf(page.path)), "404.html", "index.html"];
    assert.deepEqual([...htmlFiles()].sort(), expected.sort());
  });

  test("has no link to a page or a heading that is not there", () => {
    const texts = new Map(htmlFiles().map((file) => [file, readFileSync(join(SITE, file), "utf8")]));
    const ids = new Map([...texts].map(([file, text]) => [file, new Set(matches(text, /\bid="([^"]*)"/g))]));
    const dead = [...texts].flatMap(([file, text]) =>
      matches(text, /<a [^>]*\bhref="([^"]*)"/g)
        .filter((href) => !/^[a-z]+:/.test(href))
        .filter((href) => {
          const [target = "", anchor = ""] = decodeURIComponent(href).replaceAll("&#39;", "'").split("#");
          const found = target === "" ? file : posix.join(target.startsWith("/") ? "" : posix.dirname(file), target);
          const html = found.replace(/^\//, "").replace(/(^|\/)$/, "$1index.html");
          return !ids.get(html)?.has(anchor) && (anchor !== "" || !texts.has(html));
        })
        .map((href) => `${file}: ${href}`),
    );
    assert.deepEqual(dead, []);
  });

  test("is read without another host, on a phone too, in the light and in the dark", async () => {
    for (const colorScheme of ["light", "dark"] as const)
      for (const page of ["docs/index.md", "docs/checks.md"]) {
        const opened = await open(page, { viewport: { width: 320, height: 700 }, colorScheme });
        assert.equal(await opened.read("document.documentElement.classList.contains('dark')"), colorScheme === "dark");
        const isWide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert.equal(await opened.read(isWide), false, `${page} fits 320 px`);
        assert.deepEqual(opened.problems, []);
        await opened.close();
      }
  });

  test("has a sidebar in the order of docs/index.md, and a search that finds a word of a page", async () => {
    const page = await open("docs/index.md");
    const links = await page.read<readonly string[]>(
      "[...document.querySelectorAll('.VPSidebar a')].map((link) => link.getAttribute('href'))",
    );
    const index = ALL_PAGES.find(({ path: each }) => each === "docs/index.md");
    const expected = (index?.links ?? []).map(({ target }) => `/${urlOf(target)}`);
    assert.deepEqual(links, expected.slice(1), "the first link of the index is the README");
    await page.click(".VPNavBarSearch button");
    await page.becomes(`document.querySelector(".search-input")`);
    await page.keyboard.type("unhealthyThreshold");
    await page.becomes(`document.querySelector(".results .result")`);
    assert.deepEqual(page.problems, []);
  });
});

const matches = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, found = ""]) => found);
