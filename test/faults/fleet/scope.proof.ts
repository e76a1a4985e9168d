/** Rows F20 and F24: what members probe for themselves, and what arrives at any of them. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../../support/eventually.js";
import { FleetSite, PORT, SLACK_MS } from "./fleet-site.js";

const TTL_MS = 4_000;

describe("a fleet of three", () => {
  let site: FleetSite;
  const folder = mkdtempSync(join(tmpdir(), "hb-scope-"));
  const ran = join(folder, "ran");
  const own = [
    '  loopback: { target: "http://127.0.0.1:9000/own" }',
    `  socket: { target: "unix:${folder}/none.sock" }`,
    `  program: { exec: ["sh", "-c", "ip -4 -o addr show eth0 | tee -a ${ran} | grep -q 10.214.5.11"] }`,
    `  job: { heartbeat: { ttl: ${TTL_MS}ms, token: word } }`,
  ].join("\n");
  before(async () => {
    site = await FleetSite.open(5, { extra: own, more: "allowExec: true" });
    site.spawn("m1", process.execPath, [
      ...["--import", "tsx", fileURLToPath(new URL("targets-process.ts", import.meta.url)), "9000"],
    ]);
  });
  after(async () => {
    await site.close();
    rmSync(folder, { recursive: true });
  });
  const status = (space: string, service: string) => site.recording.status(site.member(space).process, service);

  test("loopback, unix sockets and programs are probed by each member for itself, and never from elsewhere [F20]", async () => {
    for (const service of ["loopback", "program"]) {
      await eventually(() => status("m1", service) === "SERVING", `${service} is SERVING at m1`);
      for (const space of ["m2", "m3"])
        await eventually(() => status(space, service) === "NOT_SERVING", `${service} is NOT_SERVING at ${space}`);
    }
    for (const space of ["m1", "m2", "m3"])
      await eventually(() => status(space, "socket") === "NOT_SERVING", `socket is NOT_SERVING at ${space}`);
    const addresses = new Set(readFileSync(ran, "utf8").match(/10\.214\.5\.\d+(?=\/)/g));
    assert.deepEqual([...addresses].sort(), ["10.214.5.11", "10.214.5.12", "10.214.5.13"]);
    const response = await fetch(`http://${site.network.addressOf("m1")}:9000/-/hits`);
    assert.deepEqual(Object.keys(JSON.parse(await response.text()).own), ["127.0.0.1"]);
    assert.equal(status("m1", "loopback"), "SERVING");
    site.judge();
  });

  test("a heartbeat that arrives at members in turn is never missed, and at none: NOT_SERVING everywhere [F24]", async () => {
    const post = (space: string) =>
      fetch(`http://${site.network.addressOf(space)}:${PORT}/heartbeat/job`, {
        method: "POST",
        headers: { authorization: "Bearer word" },
      });
    await post("m1");
    await site.tells("SERVING", ["job"], 3_000);
    for (let turn = 0; turn < 12; turn += 1) {
      await pause(TTL_MS / 2 - 100);
      assert.ok((await post(`m${1 + (turn % 3)}`)).ok);
    }
    site.judge();
    site.sick.add("job");
    await site.tells("NOT_SERVING", ["job"], TTL_MS + SLACK_MS);
  });
});
