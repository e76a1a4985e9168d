/** HAProxy asks the agent about each server, and balances 100 requests a second over those that healthbridge reports healthy. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { debian } from "../install.js";
import { accepting, Running } from "../peers.js";
import { assertAvoided, assertBack, blockOf, type Instance, Site, Traffic } from "./http-site.js";

/** Without a check of its own, HAProxy shows a server that is up as `no check`. */
const UP = /^no check 1$/;

/** Asks HAProxy's stats socket. */
function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${command}\n`));
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("close", () => resolve(text)).on("error", reject);
  });
}

describe("HAProxy with the agent", () => {
  let site: Site;
  let haproxy: Running;
  let traffic: Traffic;
  let panicUrl = "";
  let names: ReadonlyMap<string, string>;

  const statusOf = async (server: string): Promise<string> => {
    const [head = "", ...rows] = (await ask(site.path("stats.sock"), "show stat")).replace(/^# /, "").split("\n");
    const columns = head.split(",");
    const cells = rows.map((row) => row.split(",")).find((each) => each[columns.indexOf("svname")] === server);
    return `${cells?.[columns.indexOf("status")]} ${cells?.[columns.indexOf("weight")]}`;
  };
  const becomes = async (server: string, status: RegExp) => {
    let last = "";
    await eventually(
      async () => {
        last = await statusOf(server);
        return status.test(last);
      },
      `${server} is ${status}`,
      5_000,
    ).catch((error) => {
      throw new Error(`${error.message}; it is ${last}`);
    });
  };
  const nameOf = (server: string): string => names.get(server) ?? "";

  before(async () => {
    const program = debian("haproxy"); // before the instances are probed: an installation blocks their thread
    site = await Site.start();
    names = new Map(
      await Promise.all(site.instances.map(async (each) => [each.name, await site.checkOf(each)] as const)),
    );
    const [port, panicPort] = [await freePort(), await freePort()];
    panicUrl = `http://127.0.0.1:${panicPort}/`;
    /** A block of the page with our servers in the place of its own. */
    const pageOf = (name: string) => {
      const lines = blockOf(name).replace("8501", `${site.agentPort}`).replace("500ms", "200ms").split("\n");
      const isServer = (line: string) => line.startsWith("  server ");
      const pattern = lines.find(isServer) ?? "";
      const serverOf = (each: Instance) =>
        pattern
          .replace("server a", `server ${each.name}`)
          .replace("10.0.0.1:8080", each.address)
          .replace("orders-a", nameOf(each.name));
      return [...lines.filter((line) => !isServer(line)), ...site.instances.map(serverOf)].join("\n");
    };
    writeFileSync(
      site.path("haproxy.cfg"),
      `
global
  stats socket ${site.path("stats.sock")} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend plain
  bind 127.0.0.1:${port}
  default_backend orders
${pageOf("discovery haproxy")}
${pageOf("discovery haproxy panic").replace(":8000", `127.0.0.1:${panicPort}`)}
`,
    );
    haproxy = new Running(program, ["-db", "-f", site.path("haproxy.cfg")]);
    await accepting(port);
    traffic = new Traffic(`http://127.0.0.1:${port}/`);
  });
  after(async () => {
    traffic?.stop();
    await haproxy?.stop();
    await site?.stop();
  });
  beforeEach(async () => {
    await site.recover();
    for (const { name } of site.instances) await becomes(name, UP);
    traffic.failures.length = 0;
  });

  test("an instance that fails has no traffic within a second, and has it back within a second", async () => {
    const instance = site.instance("a");
    await assertAvoided(site, instance, await site.turn(instance, false));
    assert.match(await statusOf("a"), /^DOWN/);
    const tookMs = await assertBack(instance, await site.turn(instance, true));
    assert.ok(tookMs >= 0);
    assert.deepEqual(traffic.failures, [], "no request failed: an instance that fails its check still answers here");
  });

  test("a drained instance finishes its requests, has no new ones, and has them back after resume", async () => {
    const instance = site.instance("b");
    await site.control("drain", nameOf("b"));
    await assertAvoided(site, instance, Date.now());
    assert.match(await statusOf("b"), /^DRAIN/);
    const since = Date.now();
    await site.control("resume", nameOf("b"));
    await eventually(() => instance.requestsSince(since) > 0, "b has traffic again", 2_000);
    assert.deepEqual(traffic.failures, []);
  });

  test("each way through healthy, failing and drained ends in the state that it names", async () => {
    const instance = site.instance("c");
    const steps: readonly (readonly [step: string, to: RegExp])[] = [
      ["fail", /^DOWN/],
      ["drain", /^MAINT/],
      ["pass", /^DRAIN/],
      ["resume", UP],
      ["drain", /^DRAIN/],
      ["fail", /^MAINT/],
      ["resume", /^DOWN/],
      ["pass", UP],
    ];
    for (const [step, to] of steps) {
      if (step === "fail" || step === "pass") await site.turn(instance, step === "pass");
      else await site.control(step, nameOf("c"));
      await becomes("c", to);
    }
  });

  test("while healthbridge is away and until it knows enough, servers keep their state", async () => {
    const instance = site.instance("d");
    await assertAvoided(site, instance, await site.turn(instance, false), 0);
    await site.stopDaemon();
    const stoppedAt = Date.now();
    await pause(1_500);
    assert.match(await statusOf("d"), /^DOWN/);
    for (const name of ["a", "b", "c"]) assert.match(await statusOf(name), UP);
    await site.startDaemon();
    await pause(1_000);
    assert.equal(instance.requestsSince(stoppedAt), 0);
    assert.deepEqual(traffic.failures, []);
    const since = Date.now();
    instance.healthy = true;
    await eventually(() => instance.requestsSince(since) > 0, "d has traffic again", 3_000);
  });

  test("when all fail, it answers 503, and a second backend is a panic mode", async () => {
    await Promise.all(site.instances.map((instance) => site.turn(instance, false)));
    for (const { name } of site.instances) await becomes(name, /^DOWN/);
    await eventually(() => traffic.failures.length > 10, "requests fail");
    assert.deepEqual([...new Set(traffic.failures)], ["503"]);
    assert.equal((await fetch(panicUrl)).status, 200);
    await Promise.all(site.instances.map((instance) => site.turn(instance, true)));
    for (const { name } of site.instances) await becomes(name, UP);
  });
});
