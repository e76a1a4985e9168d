/**
 * The status page in a real Chromium, and its pictures for docs/page.md.
 *
 *     npm run proof -- page             the tests, then the pictures
 *     npm run proof -- page pictures    the pictures alone
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Browser, type ContextOptions } from "../interop/page-browser.js";
import type { Arguments } from "./arguments.js";
import { startPast } from "./page-past.js";

interface Picture extends ContextOptions {
  readonly name: string;
  readonly path: string;
}

const PICTURES: readonly Picture[] = [
  { name: "overview", path: "/", viewport: { width: 1080, height: 760 } },
  { name: "dark", path: "/?range=7d", viewport: { width: 1080, height: 640 }, colorScheme: "dark" },
  { name: "service", path: "/?service=acme.orders.v1.Orders", viewport: { width: 1080, height: 900 } },
  { name: "phone", path: "/", viewport: { width: 390, height: 844 } },
];

/** A picture is part of the repository. */
const MAX_PICTURE_BYTES = 120 * 1024;

/** Runs the tests in Chromium and draws the pictures. Returns whether all of it succeeded. */
export async function provePage({ words }: Arguments): Promise<boolean> {
  const isTested = words.includes("pictures") || runTests();
  const isDrawn = await drawPictures();
  return isTested && isDrawn;
}

function runTests(): boolean {
  const args = ["--import", "tsx", "test/run.ts", "interop", "interop/page"];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0;
}

async function drawPictures(): Promise<boolean> {
  const past = await startPast();
  const browser = await Browser.launch();
  let isWell = true;
  try {
    for (const { name, path, ...options } of PICTURES) {
      const page = await browser.page(options);
      await page.open(`${past.url}${path}`);
      await page.becomes(`"live" in document.body.dataset`);
      const file = fileURLToPath(new URL(`../../docs/images/page-${name}.png`, import.meta.url));
      await page.picture(file);
      const { size } = statSync(file);
      process.stdout.write(`docs/images/page-${name}.png: ${Math.round(size / 1024)} KiB\n`);
      isWell &&= size <= MAX_PICTURE_BYTES && page.problems.length === 0;
      await page.close();
    }
  } finally {
    await browser.close();
    await past.stop();
  }
  return isWell;
}
