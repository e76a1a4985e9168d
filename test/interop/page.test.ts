/**
 * The status page in a real Chromium: it shows what happens within a second, and never shows an old status as a new one.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { FaultProxy } from "../faults/fault-proxy.js";
import { eventually } from "../support/eventually.js";
import { Browser, type BrowserPage, type ContextOptions } from "./page-browser.js";
import { Site } from "./page-site.js";

const NAMES = ["cart", "mail", "orders", "search"];

/** The row of a service. */
const row = (name: string) => `document.querySelector('.service[data-name=${JSON.stringify(name)}]')`;

const statusOf = (name: string) => `${row(name)}?.dataset.status`;

const isLive = `document.querySelector("#connection").textContent.includes("Live")`;

const isStale = `"stale" in document.body.dataset`;

describe("the status page", () => {
  let browser: Browser;
  let site: Site;
  const pages: BrowserPage[] = [];

  before(async () => {
    browser = await Browser.launch();
    site = await Site.start(NAMES, { services: { shop: ["cart", "orders"] } });
  });
  after(async () => {
    await browser.close();
    await site.stop();
  });

  const open = async (url: string, options?: ContextOptions): Promise<BrowserPage> => {
    const page = await browser.page(options);
    pages.push(page);
    assert.equal(await page.open(url), 200);
    return page;
  };

  test("a change is on the page within a second of the transition, in words, in the title and in the order", async () => {
    const page = await open(`${site.url}/`);
    await page.becomes(`${isLive} && ${statusOf("search")} === "SERVING"`);
    await page.read(`void new MutationObserver((records, observer) => {
      if (${statusOf("search")} !== "NOT_SERVING") return;
      observer.disconnect();
      window.seenAt = Date.now();
    }).observe(document.body, { subtree: true, attributes: true })`);
    site.targets.fail("search");
    await page.becomes("window.seenAt");
    const since = Date.parse(await page.read(`${row("search")}.querySelector("time").dateTime`));
    const delayMs = (await page.read<number>("window.seenAt")) - since;
    console.log(`the page shows a transition after ${delayMs} ms`);
    assert.ok(delayMs < 1_000, `${delayMs} ms`);
    await page.becomes(`${row("search")}.querySelector(".reason").textContent.includes("not one that was expected")`);
    await page.becomes(`document.title.startsWith("1 failing")`);
    await page.becomes(`document.querySelector(".service").dataset.name === "search"`);
    site.targets.heal("search");
    await page.becomes(`${statusOf("search")} === "SERVING" && !document.title.includes("failing")`);
    await page.close();
  });

  test("a change of an instance is in the count of its service, also on a page that shows a part of the services", async () => {
    for (const query of ["", "?q=shop"]) {
      const page = await open(`${site.url}/${query}`);
      const count = `${row("shop")}?.querySelector(".members")?.textContent`;
      await page.becomes(`${isLive} && ${row("cart")} && ${count} === "2 of 2 healthy"`);
      site.targets.fail("cart");
      await page.becomes(`${statusOf("cart")} === "NOT_SERVING" && ${count} === "1 of 2 healthy"`);
      site.targets.heal("cart");
      await page.becomes(`${count} === "2 of 2 healthy"`);
      await page.close();
    }
  });

  test("a daemon that is killed and started again: the page says so, and nothing is missed", async () => {
    const page = await open(`${site.url}/`);
    await page.becomes(isLive);
    await site.kill();
    await page.becomes(`${isStale} && document.querySelector("#connection").textContent.includes("Connection lost")`);
    await page.becomes(`/as of \\d/.test(document.querySelector("#connection").textContent)`);
    site.targets.fail("orders");
    site.configure(["cart", "mail", "orders", "new"], { services: { shop: ["cart", "orders"] } });
    await site.restart();
    await page.becomes(`${isLive} && !(${isStale})`, 40_000);
    await page.becomes(`${statusOf("orders")} === "NOT_SERVING" && ${statusOf("shop")} === "NOT_SERVING"`);
    await page.becomes(`${row("new")} && !${row("search")}`);
    site.targets.heal("orders");
    await page.becomes(`${statusOf("orders")} === "SERVING"`);
    site.configure(NAMES, { services: { shop: ["cart", "orders"] } });
    site.signal("SIGHUP");
    await page.becomes(`${row("search")} && !${row("new")}`);
    await page.close();
  });

  test("a connection that is cut continues with the events of the gap", async () => {
    const proxy = await FaultProxy.start(site.port);
    const page = await open(`http://127.0.0.1:${proxy.port}/`);
    await page.becomes(isLive);
    const snapshots = `performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/events")).length`;
    proxy.faults = { reset: true };
    proxy.cut();
    await page.becomes(isStale);
    site.targets.fail("mail");
    await eventually(async () => (await fetch(`${site.url}/healthcheck/mail`)).status === 503, "mail fails");
    assert.equal(await page.read(statusOf("mail")), "SERVING", "the page cannot know");
    proxy.faults = {};
    await page.becomes(`${isLive} && ${statusOf("mail")} === "NOT_SERVING"`, 20_000);
    console.log("connections of the page:", await page.read<number>(snapshots));
    site.targets.heal("mail");
    await page.becomes(`${statusOf("mail")} === "SERVING"`);
    await page.close();
    await proxy.stop();
  });

  test("the page of a service shows its change, and each earlier status with its own mark", async () => {
    const page = await open(`${site.url}/?service=shop`);
    await page.becomes(`${isLive} && ${statusOf("shop")} === "SERVING"`);
    site.targets.fail("cart");
    await page.becomes(`${statusOf("shop")} === "NOT_SERVING" && document.title.includes("failing · shop")`);
    await page.becomes(`document.querySelector('tr.check[data-name="cart"]').dataset.state === "failing"`);
    const backs = await page.read<string[]>(
      `['tr.check[data-name="cart"] .state', 'tr.check[data-name="orders"] .state', "h1", "article > .now > .state"].map((selector) => getComputedStyle(document.querySelector(selector), "::before").backgroundColor)`,
    );
    const [failing, passing, heading, head] = backs;
    assert.notEqual(failing, passing);
    assert.deepEqual([heading, head], [failing, failing]);
    site.targets.heal("cart");
    await page.becomes(`${statusOf("shop")} === "SERVING"`);
    await page.becomes(`document.querySelector("#transitions tbody tr").dataset.status === "SERVING"`);
    await page.close();
  });

  test("no page had an error of a script, a violation of its policy or another complaint of the browser", () => {
    assert.ok(pages.length > 0);
    assert.deepEqual(
      pages.flatMap((page) => page.unexpectedProblems),
      [],
    );
  });
});

describe("the status page with a token", () => {
  test("a browser asks for the token, and the page is live with it", async () => {
    const site = await Site.start(["orders"]);
    writeFileSync(site.path("token"), "a-token-of-the-test\n");
    site.configure(["orders"], { tokenFile: site.path("token") });
    await site.restart();
    const browser = await Browser.launch();
    try {
      const stranger = await browser.page();
      assert.equal(await stranger.open(`${site.url}/`).catch(() => 401), 401);
      const page = await browser.page({ httpCredentials: { username: "any", password: "a-token-of-the-test" } });
      assert.equal(await page.open(`${site.url}/`), 200);
      await page.becomes(isLive);
      site.targets.fail("orders");
      await page.becomes(`${statusOf("orders")} === "NOT_SERVING"`);
      assert.deepEqual(page.problems, []);
    } finally {
      await browser.close();
      await site.stop();
    }
  });

  test("a page under a foreign name is refused", async () => {
    const site = await Site.start(["orders"]);
    try {
      const { request } = await import("node:http");
      const code = await new Promise((resolve, reject) =>
        request(`${site.url}/`, { headers: { host: "evil.example", accept: "text/html" } }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on("error", reject)
          .end(),
      );
      assert.equal(code, 421);
    } finally {
      await site.stop();
    }
  });
});
