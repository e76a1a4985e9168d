/** Redis, PostgreSQL, MariaDB and RabbitMQ for real: each is stopped, killed and started again under a check. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { MAX_GOODBYE_MS } from "../../src/client/goodbyes.js";
import { Health } from "../../src/daemon/health.js";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget } from "../../src/probers/schemes.js";
import { probe, verdict } from "../probers/probing.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { startStopwatch } from "../support/stopwatch.js";
import type { Running } from "./peers.js";
import {
  CA,
  CLIENT,
  type Login,
  OTHER_CA,
  PASSWORD,
  PATIENCE_MS,
  type Prepared,
  prepareMariadb,
  preparePostgres,
  prepareRabbitmq,
  prepareRedis,
} from "./real-servers.js";

const QUICK = { interval: 500, timeout: 400, unhealthyThreshold: 2, healthyThreshold: 1, edgeInterval: 200 };

/** Signals a program and all that it has started: PostgreSQL gives each of its processes a group of its own. */
function signalFamily({ process: { pid } }: Running, name: NodeJS.Signals): void {
  const signal = (member: number): void => {
    try {
      process.kill(member, name);
      const children = readFileSync(`/proc/${member}/task/${member}/children`, "utf8").split(" ");
      for (const child of children) if (child.trim() !== "") signal(Number(child));
    } catch {
      // it has ended meanwhile, as those that serve one connection do
    }
  };
  if (pid !== undefined) signal(pid);
}

const TLS = { ca: CA };
const CERTIFIED = { ...TLS, ...CLIENT };

/** A fault: the login, the options of TLS, and the verdict. */
type Fault = readonly [label: string, login: Login, tls: ProberOptions["tls"], verdict: string];

/** TLS options that every server is tried with. `login` is one that needs TLS. */
const tlsFaults = (login: Login): readonly Fault[] => [
  ["the right authority and client certificate", login, CERTIFIED, "pass"],
  ["another authority", login, { ...CERTIFIED, ca: OTHER_CA }, "fail tls-untrusted"],
  ["a name that the certificate does not have", login, { ...CERTIFIED, serverName: "other.test" }, "fail tls-name"],
  ["a name that the certificate has", login, { ...CERTIFIED, serverName: "localhost" }, "pass"],
  ["no verification", login, { ...CLIENT, ca: OTHER_CA, serverName: "other.test", verify: false }, "pass"],
  ["a certificate that ends within warnBefore", login, { ...CERTIFIED, warnBefore: 8_640_000_000 }, "warn tls-ending"],
  ["no common version of TLS", login, { ...CERTIFIED, maxVersion: "1.1", minVersion: "1.0" }, "fail tls"],
  ["one version of TLS", login, { ...CERTIFIED, minVersion: "1.3" }, "pass"],
];

interface Row {
  readonly prepare: (folder: string) => Promise<Prepared>;
  readonly password: string;
  readonly faults: readonly Fault[];
}

const SERVERS: Readonly<Record<string, Row>> = {
  Redis: {
    prepare: prepareRedis,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/99" }, undefined, "fail answer"],
      ["a user who may not send PING", { user: "idle", password: "idle-Word" }, undefined, "fail auth"],
      ["no client certificate", { tls: true }, TLS, "fail auth"],
      ...tlsFaults({ tls: true }),
    ],
  },
  PostgreSQL: {
    prepare: preparePostgres,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/nowhere" }, undefined, "fail answer"],
      ["too many connections", { user: "limited" }, undefined, "fail unavailable"],
      ["no TLS where the server demands it", { user: "secure" }, undefined, "fail auth"],
      ["no client certificate", { user: "certified" }, TLS, "fail auth"],
      ...tlsFaults({ user: "certified" }),
    ],
  },
  MariaDB: {
    prepare: prepareMariadb,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/nowhere" }, undefined, "fail auth"],
      ["an unknown database of a user who sees all", { user: "admin", path: "/nowhere" }, undefined, "fail answer"],
      ["a locked account", { user: "locked" }, undefined, "fail auth"],
      ["the last connection of a user in this hour", { user: "limited" }, undefined, "pass"],
      ["too many connections of a user", { user: "limited" }, undefined, "fail unavailable"],
      ["no TLS where the user demands it", { user: "secure" }, undefined, "fail auth"],
      ["no client certificate", { user: "certified" }, TLS, "fail auth"],
      ...tlsFaults({ user: "certified" }),
    ],
  },
  RabbitMQ: {
    prepare: prepareRabbitmq,
    password: "guest",
    faults: [
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown virtual host", { path: "/nowhere" }, undefined, "fail answer"],
      ["no client certificate", { tls: true }, TLS, "fail auth"],
      ...tlsFaults({ tls: true }),
    ],
  },
};

/** What is spoken to the port of each server, and to its port of TLS, and the reason. */
const MIXED_UP: Readonly<Record<string, readonly (readonly [url: string, reason: string])[]>> = {
  Redis: [
    ["http://127.0.0.1:PORT/", "closed"],
    ["rediss://127.0.0.1:PORT", "timeout"],
    ["postgres://me:pw@127.0.0.1:PORT", "timeout"],
    ["redis://127.0.0.1:TLS", "(?:protocol|reset)"],
  ],
  PostgreSQL: [
    ["http://127.0.0.1:PORT/", "closed"],
    ["redis://127.0.0.1:PORT", "closed"],
    ["https://127.0.0.1:PORT/", "closed"],
  ],
  MariaDB: [
    ["http://127.0.0.1:PORT/", "protocol"],
    ["redis://127.0.0.1:PORT", "protocol"],
    ["rediss://127.0.0.1:PORT", "tls"],
    ["grpc://127.0.0.1:PORT", "protocol"],
  ],
  RabbitMQ: [
    ["http://127.0.0.1:PORT/", "protocol"],
    ["redis://127.0.0.1:PORT", "protocol"],
    ["amqps://127.0.0.1:PORT", "tls"],
    ["amqp://127.0.0.1:TLS", "protocol"],
    ["postgres://me:pw@127.0.0.1:PORT", "(closed|reset)"],
  ],
};

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
      server = begin();
      const reasons = new Set<string | undefined>();
      health.onTransition(({ subject, reason }) => subject === "check" && reasons.add(reason));
      health.check("server", url(), QUICK);
      await becomes("SERVING");

      const stranger = openTarget(url({ password: "wrong" }));
      const {
        outcome,
        reason,
        detail = "",
      } = await stranger.probe({
        signal: AbortSignal.timeout(10_000),
        timeoutMs: 10_000,
      });
      stranger.close();
      assert.deepEqual([outcome, reason], ["fail", "auth"], detail);
      assert.ok(!detail.includes("wrong"), detail);

      signalFamily(server, "SIGSTOP");
      await becomes("NOT_SERVING");
      assert.ok(reasons.has("timeout"), [...reasons].join());
      signalFamily(server, "SIGCONT");
      await becomes("SERVING");

      await server.stop();
      await becomes("NOT_SERVING");
      await eventually(async () => {
        const gone = openTarget(url());
        const found = await gone.probe({ signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 });
        gone.close();
        return found.reason === "refused";
      }, "its port is refused");
      server = begin();
      await becomes("SERVING");
      health.removeCheck("server");
    });

    for (const [label, login, tls] of [
      ["", {}, undefined],
      [
        " over TLS",
        { tls: true, ...(name === "MariaDB" || name === "PostgreSQL" ? { user: "certified" } : {}) },
        CERTIFIED,
      ],
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

    for (const [url, expected] of MIXED_UP[name] ?? [])
      test(`another protocol, ${url}: ${expected}`, async () => {
        const target = url.replace("PORT", `${prepared.port}`).replace("TLS", `${prepared.tlsPort}`);
        const prober = openTarget(target, undefined, { reuse: false });
        assert.match(await verdict(prober, expected === "timeout" ? 500 : undefined), new RegExp(`^fail ${expected}$`));
        prober.close();
      });
  });
}
