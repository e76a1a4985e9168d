/** Redis, PostgreSQL, MariaDB and RabbitMQ for real: each is stopped, killed and started again under a check. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { MAX_GOODBYE_MS } from "../../src/client/goodbyes.js";
import { Health } from "../../src/daemon/health.js";
import { openTarget } from "../../src/probers/schemes.js";
import { contextOf, probe, verdict } from "../probers/probing.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { startStopwatch } from "../support/stopwatch.js";
import type { Running } from "./peers.js";
import { PATIENCE_MS, type Prepared } from "./real-servers.js";
import { CERTIFIED, MIXED_UP, SERVERS, START_TLS, START_TLS_FAULTS } from "./server-faults.js";

const QUICK = { interval: 500, timeout: 400, unhealthyThreshold: 2, healthyThreshold: 1, edgeInterval: 200 };

/** Signals a program and all that it has started: PostgreSQL gives each of its processes a group of its own. */
function signalFamily({ process: { pid } }: Running, name: NodeJS.Signals): readonly number[] {
  const signal = (member: number): readonly number[] => {
    try {
      process.kill(member, name);
      const children = readFileSync(`/proc/${member}/task/${member}/children`, "utf8").split(" ");
      return [member, ...children.filter((child) => child.trim() !== "").flatMap((child) => signal(Number(child)))];
    } catch {
      return []; // it has ended meanwhile, as those that serve one connection do
    }
  };
  return pid === undefined ? [] : signal(pid);
}

/** Whether a process runs no more. A zombie does not run. */
function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

for (const [name, { prepare, password, faults }] of Object.entries(SERVERS)) {
  describe(name, () => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
    const programs: Running[] = [];
    const health = new Health();
    after(async () => {
      await health.shutdown({ drainDelayMs: 0 });
      await Promise.all(programs.map((program) => program.stop()));
      rmSync(folder, { recursive: true, force: true });
    });
    let prepared: Prepared;
    let server: Running;
    const secureLogin = { tls: true, ...(name === "MariaDB" || name === "PostgreSQL" ? { user: "certified" } : {}) };
    const becomes = (status: string) =>
      eventually(() => health.status("server") === status, `${name} is ${status}`, PATIENCE_MS);

    test("passes, fails while it hangs or is dead, recovers, and fails with auth for a wrong password", async () => {
      prepared = await prepare(folder);
      const { start, url, beside } = prepared;
      if (beside !== undefined) programs.push(beside);
      const begin = () => {
        const running = start();
        programs.push(running);
        return running;
      };
      prepared.certify(-2);
      server = begin();
      const reasons = new Set<string | undefined>();
      health.onTransition(({ subject, reason }) => subject === "check" && reasons.add(reason));
      health.check("server", url(), QUICK);
      await becomes("SERVING");

      const stranger = openTarget(url({ password: "wrong" }));
      const { outcome, reason, detail = "" } = await stranger.probe(contextOf(10_000));
      stranger.close();
      assert.deepEqual([outcome, reason], ["fail", "auth"], detail);
      assert.ok(!detail.includes("wrong"), detail);

      const expired = openTarget(url(secureLogin), undefined, { reuse: false, tls: CERTIFIED });
      assert.equal(await verdict(expired), "fail tls-expired");
      expired.close();

      signalFamily(server, "SIGSTOP");
      await becomes("NOT_SERVING");
      assert.ok(reasons.has("timeout"), [...reasons].join());
      signalFamily(server, "SIGCONT");
      await becomes("SERVING");

      const family = signalFamily(server, "SIGCONT");
      await server.stop();
      await becomes("NOT_SERVING");
      // PostgreSQL does not start while a process of its last run is there
      await eventually(() => family.every(isGone), "all its processes have ended", PATIENCE_MS);
      prepared.certify(90);
      await eventually(async () => {
        const gone = openTarget(url());
        const found = await gone.probe(contextOf(5_000));
        gone.close();
        return found.reason === "refused";
      }, "its port is refused");
      server = begin();
      await becomes("SERVING");
      health.removeCheck("server");
    });

    for (const [label, login, tls] of [
      ["", {}, undefined],
      [" over TLS", secureLogin, CERTIFIED],
    ] as const)
      test(`the server logs no lost client${label}: without reuse, at a new connection, at the end of a check and of the process`, async () => {
        const from = server.output.length;
        const url = prepared.url(login);
        const options = { ...(tls && { tls }) };
        const once = openTarget(url, undefined, { ...options, reuse: false });
        for (let round = 0; round < 5; round += 1) assert.equal(await verdict(once), "pass");
        once.close();
        const aging = openTarget(url, undefined, { ...options, maxConnectionAge: 1 });
        for (let round = 0; round < 5; round += 1) assert.equal(await verdict(aging), "pass");
        aging.close();
        const library = new Health();
        for (const check of ["removed", "shut down"])
          library.check(check, url, { ...options, ...QUICK, timeout: 5_000, interval: 6_000 });
        await eventually(
          () => library.status("removed") === "SERVING" && library.status("shut down") === "SERVING",
          "both are up",
        );
        library.removeCheck("removed");
        const stop = startStopwatch();
        await library.shutdown({ drainDelayMs: 0 });
        assert.ok(stop() < MAX_GOODBYE_MS, "the server has answered the goodbye");
        if (tls === undefined) {
          const daemon = await DaemonProcess.serve(
            "--drain-delay",
            "0s",
            "--listen",
            "127.0.0.1:0",
            "--log-level",
            "debug",
            "--check",
            `server=${url}`,
          );
          await eventually(() => daemon.log.some(({ name, to }) => name === "server" && to === "SERVING"), "it is up");
          daemon.process.kill("SIGTERM");
          await daemon.ended();
        }
        await pause(300);
        assert.deepEqual(
          server.output
            .slice(from)
            .split("\n")
            .filter((line) => prepared.complaints.test(line)),
          [],
        );
      });

    for (const [label, login, tls, expected] of faults)
      test(`${label}: ${expected}`, async () => {
        const prober = openTarget(prepared.url(login), undefined, { reuse: false, ...(tls && { tls }) });
        const { outcome, reason, detail = "", certificateEndsAt } = await probe(prober);
        prober.close();
        assert.equal(reason === undefined ? outcome : `${outcome} ${reason}`, expected, detail);
        assert.ok(outcome === "pass" || detail.length > 10, "the detail says more");
        assert.ok(!detail.includes(password), "no password in the detail");
        if (tls !== undefined && outcome !== "fail") {
          const days = ((certificateEndsAt ?? 0) - Date.now()) / 86_400_000;
          assert.ok(days > 89 && days < 90, `the days that are left: ${days}`);
        }
      });

    for (const [label, tls, expected] of START_TLS[name] === undefined ? [] : START_TLS_FAULTS)
      test(`startTls, ${label}: ${expected}`, async () => {
        const dialogue = START_TLS[name] ?? assert.fail();
        const prober = openTarget(`tcp://127.0.0.1:${prepared.port}`, undefined, { dialogue, tls });
        assert.equal(await verdict(prober), expected);
        prober.close();
      });

    for (const [url, expected] of MIXED_UP[name] ?? [])
      test(`another protocol, ${url}: ${expected}`, async () => {
        const target = url.replace("PORT", `${prepared.port}`).replace("TLS", `${prepared.tlsPort}`);
        const prober = openTarget(target, undefined, { reuse: false });
        assert.match(await verdict(prober, expected === "timeout" ? 500 : undefined), new RegExp(`^fail ${expected}$`));
        prober.close();
      });
  });
}
