/**
 * Two `serve` processes in a fleet on a real Redis that dies and comes back: each form in which a client sees that they are
 * detached, and that it ends, also on a page that is open. One of them answers in a thread of its own. Needs the build.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DaemonProcess, MAIN } from "../../support/daemon-process.js";
import { EventReader } from "../../support/event-client.js";
import { eventually } from "../../support/eventually.js";
import { readValue } from "../../support/exposition.js";
import { Target } from "../../support/fleet-daemons.js";
import { Browser, type BrowserPage } from "../page-browser.js";
import { accepting, type Running } from "../peers.js";
import { type Prepared, prepareRedis } from "../real-servers.js";

const NAMES = ["m1", "m2"] as const;
const LEASE_MS = 1_000;
const JSON_TYPE = "application/health+json";

describe("a fleet whose store dies", () => {
  let folder: string;
  let prepared: Prepared;
  let redis: Running;
  let target: Target;
  let browser: Browser;
  const pages = new Map<string, BrowserPage>();
  const daemons = new Map<string, DaemonProcess>();
  const streams = new Map<string, EventReader>();

  const daemon = (name: string): DaemonProcess => {
    const found = daemons.get(name);
    if (found === undefined) throw new Error(`no daemon ${name}`);
    return found;
  };

  const get = async (name: string, path: string, accept = "*/*"): Promise<string> =>
    (await fetch(`http://127.0.0.1:${daemon(name).port}${path}`, { headers: { accept } })).text();

  const metric = async (name: string): Promise<number | undefined> =>
    Number(readValue(await get(name, "/metrics"), "healthbridge_fleet_detached"));

  const cli = (...args: string[]) =>
    new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.on("data", (piece) => {
        text += piece;
      });
      child.on("close", () => resolve(text));
    });

  const socketOf = (name: string) => join(folder, `${name}.sock`);

  /** The data of each event about the fleet. */
  const fleetEvents = (name: string) =>
    (streams.get(name)?.events ?? []).filter(({ event }) => event === "fleet").map(({ data }) => data);

  const follow = async (name: string): Promise<void> => {
    const reader = new EventReader();
    streams.set(name, reader);
    const { body } = await fetch(`http://127.0.0.1:${daemon(name).port}/events`);
    const decoder = new TextDecoder();
    const read = async () => {
      for await (const piece of body ?? []) reader.push(decoder.decode(piece, { stream: true }));
    };
    read().catch(() => {}); // the daemon has ended
  };

  const start = async (): Promise<void> => {
    redis = prepared.start();
    await accepting(prepared.port);
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "fleet-detached-"));
    prepared = await prepareRedis(folder);
    target = await Target.open();
    browser = await Browser.launch();
    writeFileSync(join(folder, "secret"), "0123456789abcdef", { mode: 0o600 });
    await start();
    for (const name of NAMES) {
      const fleet = `name: prod, store: "${prepared.url({ path: "/0" })}", secretFile: ${join(folder, "secret")}, member: ${name}, zone: z-${name}, beat: 200ms, lease: ${LEASE_MS}ms, settle: 200ms`;
      const checks = ["one", "two", "three"].map((check) => `  ${check}: { target: "${target.url}", copies: 1 }`);
      const text = `listen: ["127.0.0.1:0"]\nlistenThread: ${name === "m2"}\ncontrol: ${socketOf(name)}\ndrainDelay: 0s\nfleet: { ${fleet} }\ndefaults: { interval: 500ms, edgeInterval: 200ms }\nchecks:\n${checks.join("\n")}\n`;
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, text);
      daemons.set(name, await DaemonProcess.serve("-c", file));
    }
    for (const name of NAMES) {
      await eventually(async () => (await get(name, "/healthcheck")) === "OK", `${name} serves`, 15_000);
      await follow(name);
      const page = await browser.page();
      pages.set(name, page);
      assert.equal(await page.open(`http://127.0.0.1:${daemon(name).port}/`), 200);
      await page.becomes(`document.querySelector("#connection").textContent.includes("Live")`);
      await eventually(
        () =>
          fleetEvents(name)
            .at(-1)
            ?.members.filter(({ state }: { state: string }) => state === "alive").length === 2,
        `${name} sees both`,
      );
    }
  });
  after(async () => {
    await Promise.all([...daemons.values()].map((each) => each.kill()));
    await browser?.close();
    await redis?.stop();
    target?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("status says who probes a check that rests here", async () => {
    await eventually(async () => {
      const texts = await Promise.all(NAMES.map((name) => cli("status", "--control", socketOf(name))));
      const [first = "", second = ""] = texts;
      const resting = `${first.match(/probed by m2/g)?.length ?? 0} ${second.match(/probed by m1/g)?.length ?? 0}`;
      return ["1 2", "2 1", "3 0", "0 3"].includes(resting);
    }, "each check rests at one of them");
    const { checks } = JSON.parse(await cli("status", "--json", "--control", socketOf("m1")));
    for (const { resting, probedBy, nextProbeAtMs } of checks) {
      assert.deepEqual(probedBy, resting ? ["m2"] : []);
      if (resting) assert.equal(nextProbeAtMs, undefined);
    }
  });

  test("the page shows the members with their zones, and who probes a check", async () => {
    for (const name of NAMES) {
      const body = await get(name, "/", "text/html");
      for (const member of NAMES)
        assert.match(
          body,
          new RegExp(`<th scope="row">${member}</th><td>z-${member}</td><td class="state">alive</td><td>\\d</td>`),
        );
      assert.match(await get(name, "/?service=one", "text/html"), /<td class="voters">m[12]<\/td>/);
    }
  });

  test("is detached in every form, at a member without and at one with a listener thread", async () => {
    await redis.stop();
    for (const name of NAMES) {
      await eventually(async () => (await metric(name)) === 1, `${name}: metrics`, 10_000);
      assert.match(await get(name, "/readyz?verbose"), /^warn: detached: /m, `${name}: verbose`);
      assert.equal(JSON.parse(await get(name, "/readyz", JSON_TYPE)).detached, true, `${name}: a view as JSON`);
      assert.equal(JSON.parse(await get(name, "/healthcheck/one", JSON_TYPE)).detached, true, `${name}: JSON`);
      assert.match(await get(name, "/", "text/html"), /<li>Detached: /, `${name}: page`);
      await pages.get(name)?.becomes(`document.querySelector("#notices")?.textContent.startsWith("Detached")`);
      await pages.get(name)?.becomes(`document.querySelector("#fleet small")?.textContent === "detached"`);
      const own = new RegExp(`<td class="voters">${name}</td>`);
      await eventually(
        async () => own.test(await get(name, "/?service=one", "text/html")),
        `${name}: it decides alone`,
      );
      await eventually(() => fleetEvents(name).at(-1)?.detached === true, `${name}: events`);
      assert.equal(daemon(name).log.filter(({ event }) => event === "fleet-detached").length, 1, `${name}: log`);
      assert.match(await cli("members", "--control", socketOf(name)), /^detached: /m);
      assert.match(await cli("owners", "one", "--control", socketOf(name)), /^detached: /m);
      assert.match(await cli("status", "--control", socketOf(name)), /^detached: /m);
      assert.equal(await get(name, "/healthcheck"), "OK", `${name}: the code is that of the statuses`);
    }
  });

  test("is attached in every form when the store is back", async () => {
    await start();
    for (const name of NAMES) {
      await eventually(async () => (await metric(name)) === 0, `${name}: metrics`, 10_000);
      assert.doesNotMatch(await get(name, "/readyz?verbose"), /detached/);
      assert.equal(JSON.parse(await get(name, "/readyz", JSON_TYPE)).detached, undefined);
      assert.equal(JSON.parse(await get(name, "/healthcheck/one", JSON_TYPE)).detached, undefined);
      assert.doesNotMatch(await get(name, "/", "text/html"), /<li>Detached: /);
      await pages.get(name)?.becomes(`document.querySelector("#notices, #fleet small") === null`);
      assert.deepEqual(pages.get(name)?.problems, []);
      await eventually(() => fleetEvents(name).at(-1)?.detached === false, `${name}: events`);
      assert.equal(daemon(name).log.filter(({ event }) => event === "fleet-attached").length, 1);
      for (const order of [["members"], ["owners", "one"], ["status"]])
        assert.doesNotMatch(await cli(...order, "--control", socketOf(name)), /^detached: /m);
    }
  });
});
