/**
 * The status page in a real Chromium as different people use it: without JavaScript, on a phone, in the dark, with a
 * keyboard, with a screen reader, and with a thousand services.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { npmBrowser } from "./npm-packages.js";
import { Browser, type BrowserPage, type ContextOptions } from "./page-browser.js";
import { Site } from "./page-site.js";

const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "quotes \" and ' & ampersands",
  "\u202egpj.exe",
  `${"long".repeat(50)}`,
  "ünï/côdé",
  "services",
];

const NAMES = ["acme.orders.v1.Orders", "acme.orders.v1.Refunds", "shop/web", "shop/db", "redis"];

const rowNames = `[...document.querySelectorAll(".service")].filter((row) => row.checkVisibility()).map((row) => row.dataset.name)`;

const isLive = `"live" in document.body.dataset && document.querySelector("#connection").textContent.includes("Live")`;

/** The findings of axe, with their elements. */
async function axeFindings(page: BrowserPage): Promise<readonly string[]> {
  await page.read(`(() => { ${npmBrowser()("axe-core").source} })()`);
  const rules = `{ resultTypes: ["violations"] }`;
  return page.read(
    `axe.run(document, ${rules}).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join("; ")))`,
  );
}

describe("the status page for everyone", () => {
  let browser: Browser;
  let site: Site;
  const pages: BrowserPage[] = [];

  before(async () => {
    site = await Site.start([...NAMES, ...HOSTILE], { services: { shop: ["shop/web", "shop/db"] } });
    site.targets.fail("shop/db", HOSTILE[0] ?? "");
    browser = await Browser.launch();
  });
  after(async () => {
    await browser.close();
    await site.stop();
  });

  const open = async (path: string, options?: ContextOptions): Promise<BrowserPage> => {
    const page = await browser.page(options);
    pages.push(page);
    await page.open(`${site.url}${path}`);
    if (options?.javaScriptEnabled !== false) await page.becomes(isLive);
    return page;
  };

  test("without JavaScript all is shown, and the filter works", async () => {
    const page = await open("/", { javaScriptEnabled: false });
    const text = await page.text();
    for (const name of NAMES) assert.ok(text.includes(name), name);
    assert.match(text, /Not serving/);
    assert.match(text, /the HTTP status is not one that was expected/);
    await page.submit('[name="q"]', "orders");
    const filtered = await page.text();
    assert.ok(filtered.includes("acme.orders.v1.Orders") && !filtered.includes("redis"));
    await page.close();
  });

  test("what is filtered in the browser is what the server renders for the same URL", async () => {
    const page = await open("/");
    const other = await open("/");
    for (const [query, failing, sort] of [
      ["orders", false, "status"],
      ["", true, "status"],
      ["SHOP", true, "status"],
      ["shop", false, "name"],
      ["o", false, "since"],
      ["nothing at all", false, "status"],
      ["", false, "name"],
    ] as const) {
      await page.read(`(() => {
        const form = document.querySelector("#filter");
        form.q.value = ${JSON.stringify(query)};
        form.failing.checked = ${failing};
        form.sort.value = ${JSON.stringify(sort)};
        form.dispatchEvent(new Event("input"));
      })()`);
      const url = await page.read("location.search");
      await other.open(`${site.url}/${url}`);
      const expected = await other.read<string[]>(rowNames);
      await page.becomes(`JSON.stringify(${rowNames}) === ${JSON.stringify(JSON.stringify(expected))}`);
      // and back to all services, whatever the URL was at first
      await other.becomes(isLive);
      await other.becomes(`JSON.stringify(${rowNames}) === ${JSON.stringify(JSON.stringify(expected))}`);
    }
    await page.read("history.back()");
    await Promise.all([page.close(), other.close()]);
  });

  for (const colorScheme of ["light", "dark"] as const)
    test(`axe finds nothing, ${colorScheme}`, async () => {
      const page = await open("/", { colorScheme });
      assert.deepEqual(await axeFindings(page), []);
      for (const path of ["/?service=shop", "/?service=shop%2Fdb&range=7d", "/?service=", "/?q=nothing-at-all"]) {
        await page.open(`${site.url}${path}`);
        await page.becomes(isLive);
        assert.deepEqual(await axeFindings(page), [], path);
      }
      assert.equal(await page.open(`${site.url}/?service=no-such`), 404);
      await page.becomes(isLive);
      assert.deepEqual(await axeFindings(page), [], "no such service");
      assert.ok(!(await page.read("document.body.innerText")).includes("no-such"));
      page.problems.splice(0); // the browser reports each 404
      await page.close();
    });

  test("a phone shows everything without scrolling sideways", async () => {
    for (const path of ["/", "/?service=shop", "/?service=shop%2Fdb"]) {
      const page = await open(path, { viewport: { width: 320, height: 640 } });
      assert.ok(await page.read<boolean>("document.documentElement.scrollWidth <= innerWidth"), path);
      await page.close();
    }
  });

  test("hostile names are text", async () => {
    const page = await open("/");
    const names = await page.read<string[]>(rowNames);
    assert.ok(names.includes("<script>alert(1)</script>"));
    assert.ok(names.includes("\\u202egpj.exe"), "a mark of text direction is written out");
    assert.equal(await page.read<number>(`document.querySelectorAll("main script, main img").length`), 0);
    const href = await page.read(`document.querySelector('.service[data-name^="<script>"] a').getAttribute("href")`);
    await page.open(`${site.url}/${href}`);
    await page.becomes(`document.querySelector("h2.name").textContent.includes("<script>")`);
    assert.equal(await page.read(`document.querySelector("main [data-status]").dataset.status`), "NOT_SERVING");
    await page.close();
  });

  test("a keyboard reaches everything, and the focus stays on its row while rows move", async () => {
    const page = await open("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.read("document.activeElement.className"), "skip");
    await page.keyboard.press("/");
    assert.equal(await page.read("document.activeElement.name"), "q");
    await page.keyboard.type("re");
    await page.becomes(`location.search === "?q=re" && ${rowNames}.includes("redis") && !${rowNames}.includes("shop")`);
    await page.keyboard.press("Escape");
    await page.becomes(`location.search === "" && ${rowNames}.includes("shop")`);
    const reached = new Set<string>();
    for (let count = 0; count < 60; count += 1) {
      await page.keyboard.press("Tab");
      reached.add(await page.read("document.activeElement.getAttribute('href') ?? document.activeElement.name ?? ''"));
      if ((await page.read("document.activeElement.textContent")) === "redis") break;
    }
    for (const expected of ["failing", "sort", "range", "?service=redis"]) assert.ok(reached.has(expected), expected);
    site.targets.fail("redis");
    await page.becomes(`document.activeElement.closest(".service").dataset.status === "NOT_SERVING"`);
    assert.equal(await page.read("document.activeElement.textContent"), "redis");
    await page.becomes(`document.querySelector("#news").textContent.includes("redis is not serving")`);
    site.targets.heal("redis");
    await page.becomes(`document.activeElement.closest(".service").dataset.status === "SERVING"`);
    assert.equal(await page.read("document.activeElement.textContent"), "redis");
    await page.keyboard.press("Enter");
    await page.becomes(`location.search === "?service=redis"`);
    await page.close();
  });

  test("rows do not move under the pointer", async () => {
    const page = await open("/");
    const box = await page.read<{ x: number; y: number }>(
      `(({ x, y }) => ({ x: x + 5, y: y + 5 }))([...document.querySelectorAll(".service")].at(-1).getBoundingClientRect())`,
    );
    const before = await page.read<string[]>(rowNames);
    await page.mouse.move(box.x, box.y);
    site.targets.fail("redis");
    await page.becomes(`document.querySelector('[data-name="redis"]').dataset.status === "NOT_SERVING"`);
    assert.deepEqual(await page.read<string[]>(rowNames), before);
    await page.mouse.move(0, 0);
    await page.becomes(`JSON.stringify(${rowNames}) !== ${JSON.stringify(JSON.stringify(before))}`);
    site.targets.heal("redis");
    await page.close();
  });

  test("a hidden page gives its connection back, and a page that is shown again is current", async () => {
    const page = await open("/");
    const setHidden = (hidden: boolean) =>
      page.read(`(() => {
        Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      })()`);
    await setHidden(true);
    await page.becomes(`"stale" in document.body.dataset`, 15_000);
    site.targets.fail("redis");
    await setHidden(false);
    await page.becomes(`${isLive} && document.querySelector('[data-name="redis"]').dataset.status === "NOT_SERVING"`);
    site.targets.heal("redis");
    await page.close();
  });

  test("no page had an error of a script, a violation of its policy or another complaint of the browser", () => {
    assert.ok(pages.length > 0);
    assert.deepEqual(
      pages.flatMap((page) => page.problems),
      [],
    );
  });
});
