/**
 * Two `serve` processes in a fleet on a real Redis. The turns of one of them take long: it does not take its own delay for a
 * store that is gone, and tells one that is gone. Needs the build.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../../support/daemon-process.js";
import { eventually, pause } from "../../support/eventually.js";
import { Target } from "../../support/fleet-daemons.js";
import { accepting, type Running } from "../peers.js";
import { type Prepared, prepareRedis } from "../real-servers.js";

const LEASE_MS = 1_000;

/** The first member has this, and the second one has not. */
const SLOW_TURNS = fileURLToPath(new URL("../../support/slow-turns.cjs", import.meta.url));

describe("a member whose turns take 400 ms", () => {
  let folder: string;
  let prepared: Prepared;
  let redis: Running;
  let target: Target;
  const daemons: DaemonProcess[] = [];

  const member = (index: number): DaemonProcess => {
    const found = daemons[index];
    if (found === undefined) throw new Error(`no daemon ${index}`);
    return found;
  };

  const troubles = ({ log }: DaemonProcess) =>
    log.filter(({ event }) => event === "fleet-detached" || event === "fleet-store-failed").map(({ event }) => event);

  /** From one call to the next, each turn of the event loop of the first member takes 400 ms. */
  const changeTurns = () => member(0).process.kill("SIGUSR2");

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "fleet-starved-"));
    prepared = await prepareRedis(folder);
    target = await Target.open();
    writeFileSync(join(folder, "secret"), "0123456789abcdef", { mode: 0o600 });
    redis = prepared.start();
    await accepting(prepared.port);
    for (const name of ["m1", "m2"]) {
      const fleet = `name: prod, store: "${prepared.url({ path: "/0" })}", secretFile: ${join(folder, "secret")}, member: ${name}, zone: z-${name}, beat: 200ms, lease: ${LEASE_MS}ms, settle: 200ms`;
      const checks = ["one", "two", "three"].map((check) => `  ${check}: { target: "${target.url}", copies: 1 }`);
      const text = `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\nfleet: { ${fleet} }\ndefaults: { interval: 2s, timeout: 1900ms, edgeInterval: 200ms }\nchecks:\n${checks.join("\n")}\n`;
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, text);
      daemons.push(new DaemonProcess(["serve", "-c", file], name === "m1" ? ["-r", SLOW_TURNS] : []));
    }
    for (const { log } of daemons)
      await eventually(() => log.some(({ event }) => event === "serving"), "all have started", 15_000);
    for (const { port } of daemons)
      await eventually(async () => (await fetch(`http://127.0.0.1:${port}/healthcheck`)).ok, "all serve", 15_000);
  });
  after(async () => {
    redis?.process.kill("SIGCONT");
    await Promise.all(daemons.map((each) => each.kill()));
    await redis?.stop();
    target?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is not detached: a call of the store takes several of its turns", async () => {
    changeTurns();
    await pause(12_000);
    assert.deepEqual(troubles(member(0)), []);
    changeTurns();
  });

  test("is not detached by some seconds in which it stands still", async () => {
    for (let round = 0; round < 3; round += 1) {
      member(0).process.kill("SIGSTOP");
      await pause(2_000 + 700 * round);
      member(0).process.kill("SIGCONT");
      await pause(500);
    }
    assert.deepEqual(troubles(member(0)), []);
  });

  test("is detached when the store does not answer, and one that is well within two leases", async (t) => {
    const isGone = (index: number) => member(index).log.some(({ event }) => event === "fleet-detached");
    changeTurns();
    redis.process.kill("SIGSTOP");
    const startedAt = performance.now();
    await eventually(() => isGone(1), "the other member is detached", 10_000);
    const wellMs = performance.now() - startedAt;
    assert.ok(wellMs < 2 * LEASE_MS, `${wellMs} ms`);
    await eventually(() => isGone(0), "the slow one is detached", 40_000);
    t.diagnostic(
      `the one that is well: ${Math.round(wellMs)} ms, the slow one: ${Math.round(performance.now() - startedAt)} ms`,
    );
  });
});
