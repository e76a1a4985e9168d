/** The status page with a thousand services in a real Chromium. The figures are printed; the bounds are for a busy machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser } from "./page-browser.js";
import { Site } from "./page-site.js";

const COUNT = 1_000;
const TOKEN = "a-token-of-the-test";

const names = Array.from({ length: COUNT }, (_, index) => `team${index % 20}/service-${index}`);

/** Reports of heartbeats, a few at a time. */
async function report(url: string, services: readonly string[], status: "pass" | "fail"): Promise<void> {
  const waiting = [...services];
  const send = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const target = `${url}/heartbeat/${encodeURIComponent(name)}?status=${status}`;
      const response = await fetch(target, { method: "POST", headers: { authorization: `Bearer ${TOKEN}` } });
      assert.ok(response.ok, `${target}: ${response.status}`);
      await response.text();
    }
  };
  await Promise.all(Array.from({ length: 8 }, send));
}

/** Milliseconds that the browser worked without a pause, and the frames of a scroll over the whole page. */
const MEASURE = `
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, Math.round(duration));
  }).observe({ type: "longtask", buffered: true });
  window.scrollFrames = () => new Promise((resolve) => {
    const frames = [];
    let last = performance.now();
    const step = (now) => {
      frames.push(now - last);
      last = now;
      if (scrollY + innerHeight >= document.documentElement.scrollHeight - 2 || frames.length > 600) resolve(frames.sort((a, b) => a - b));
      else { scrollBy(0, 120); requestAnimationFrame(step); }
    };
    requestAnimationFrame(step);
  });`;

test("a page of 1,000 services is shown soon, scrolls, and shows 500 changes at once", {
  timeout: 180_000,
}, async (t) => {
  const site = await Site.start([]);
  t.after(() => site.stop());
  const checks = Object.fromEntries(names.map((name) => [name, { heartbeat: { ttl: "1h", token: TOKEN } }]));
  site.write({ listen: [`127.0.0.1:${site.port}`], checks });
  await site.restart();
  await report(site.url, names, "pass");
  const browser = await Browser.launch();
  t.after(() => browser.close());
  const page = await browser.page();
  await page.open(`${site.url}/`);
  await page.becomes(`"live" in document.body.dataset`, 30_000);
  await page.read(`void (() => { ${MEASURE} })()`);
  const paintMs = await page.read<number>(`performance.getEntriesByName("first-contentful-paint")[0].startTime`);
  const bytes = await page.read<number>(`performance.getEntriesByType("navigation")[0].decodedBodySize`);
  await page.becomes(`document.querySelectorAll(".service").length === ${COUNT}`);
  await page.read(`document.querySelectorAll("details").forEach((group) => { group.open = true; })`);
  const frames = await page.read<number[]>("window.scrollFrames()");
  const loadTaskMs = await page.read<number>("window.longest");
  await page.read("void (window.longest = 0, scrollTo(0, 0))");

  const failing = names.slice(0, COUNT / 2);
  const startedAt = performance.now();
  await report(site.url, failing, "fail");
  const reportedMs = performance.now() - startedAt;
  await page.becomes(
    `document.querySelector('[data-count="NOT_SERVING"] strong').textContent === "${COUNT / 2}"`,
    30_000,
  );
  await page.becomes(`document.querySelectorAll('.service[data-status="NOT_SERVING"]').length === ${COUNT / 2}`);
  const shownMs = performance.now() - startedAt;
  const burstTaskMs = await page.read<number>("window.longest");
  const at = (share: number) => Math.round(frames[Math.floor(frames.length * share)] ?? 0);
  console.log(
    `1,000 services: HTML ${Math.round(bytes / 1024)} KiB, first paint ${Math.round(paintMs)} ms, longest task ${loadTaskMs} ms;`,
    `${frames.length} frames of a scroll: median ${at(0.5)} ms, p95 ${at(0.95)} ms;`,
    `500 changes: sent in ${Math.round(reportedMs)} ms, all shown after ${Math.round(shownMs)} ms, longest task ${burstTaskMs} ms`,
  );
  assert.ok(paintMs < 5_000, `first paint after ${paintMs} ms`);
  assert.ok(loadTaskMs < 2_000 && burstTaskMs < 2_000, "no task of the page takes seconds");
  assert.ok(at(0.5) < 100, "most frames of a scroll are short");
  assert.ok(shownMs - reportedMs < 5_000, "all changes are shown soon");
  assert.deepEqual(page.problems, []);
});
