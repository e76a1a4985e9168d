/** Row C14: a prober that gets a tenth of a core, or has long turns, is late, and calls nothing down. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { answer, grpcTarget, httpTarget, rawTarget, SERVING, Target } from "../probers/targets.js";
import { eventually, pause } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";
import { notOutlive } from "../support/not-outlive.js";

const PROBER = fileURLToPath(new URL("prober.ts", import.meta.url));

/** Stops the process for most of the time, again and again. */
interface Starved {
  readonly what: string;
  readonly stoppedMs: number;
  readonly runsMs: number;
  readonly rounds: number;
  readonly settings: object;
}

const STARVED: readonly Starved[] = [
  {
    ...{ what: "180 ms of every 200 ms", stoppedMs: 180, runsMs: 20, rounds: 50 },
    settings: { interval: 1_000, timeout: 900, edgeInterval: 300 },
  },
  {
    // no stop is a stall, but a new connection and its answer take two or three of them
    ...{
      what: "380 ms of every 400 ms, with new connections and a timeout of 800 ms,",
      stoppedMs: 380,
      runsMs: 20,
      rounds: 40,
    },
    settings: { interval: 1_000, timeout: 800, edgeInterval: 300, unhealthyThreshold: 1, reuse: false },
  },
];

for (const { what, stoppedMs, runsMs, rounds, settings } of STARVED)
  test(`a process that is stopped for ${what} keeps probing, and nothing is NOT_SERVING [C14]`, async (t) => {
    let asked = 0;
    const target = createServer((_, response) => {
      asked += 1;
      response.end();
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      target.close();
      target.closeAllConnections();
    });
    // a server that listens on TCP has such an address
    const { port } = target.address() as AddressInfo;
    const names = Array.from({ length: 20 }, (_, index) => `c${index}`);
    const checks = Object.fromEntries(names.map((name) => [name, [`http://127.0.0.1:${port}/${name}`, settings]]));
    const prober = spawn(process.execPath, ["--import", "tsx", PROBER, JSON.stringify({ checks })], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    notOutlive(prober, () => prober.kill("SIGKILL"));
    t.after(() => prober.kill("SIGKILL"));
    const changes: { kind: string; name: string; to: string }[] = [];
    createInterface({ input: prober.stdout }).on("line", (line) => changes.push(JSON.parse(line)));
    await eventually(() => changes.some(({ name, to }) => name === "" && to === "SERVING"), "everything is up");
    changes.length = 0;
    const before = asked;
    for (let round = 0; round < rounds; round += 1) {
      prober.kill("SIGSTOP");
      await pause(stoppedMs);
      prober.kill("SIGCONT");
      await pause(runsMs);
    }
    assert.ok(asked - before > 50, `${asked - before} probes`);
    assert.deepEqual(
      changes.filter(({ to }) => to === "NOT_SERVING" || to === "failing"),
      [],
    );
  });

const SLOW_TURNS = fileURLToPath(new URL("../support/slow-turns.cjs", import.meta.url));
const TURN_MS = 80;

/** Targets of which each needs several turns of the event loop: they answer at once. */
async function targetsOf(t: TestContext): Promise<Readonly<Record<string, readonly [url: string, options: object]>>> {
  const file = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
  const token = JSON.stringify({ access_token: "t", token_type: "bearer", expires_in: 1 });
  const http = await httpTarget(({ url }, response) => {
    if (url === "/moved") response.writeHead(302, { location: "/" }).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(url === "/token" ? token : "");
  });
  const identity = { cert: file("server.crt"), key: file("server.key") };
  const https = await Target.start(createHttps(identity, (_, response) => void response.end()));
  const grpc = await grpcTarget((stream) => answer(stream, SERVING));
  const tcp = await rawTarget((socket) => void socket.on("data", (bytes) => socket.write(bytes)));
  for (const target of [http, https, grpc, tcp]) t.after(() => target.stop());
  const names = await NameServer.start(t);
  names.records.set("a.test", { ttl: 5, addresses: ["192.0.2.7"] });
  const tls = { ca: file("ca.crt") };
  const auth = { tokenUrl: `http://127.0.0.1:${http.port}/token`, clientId: "id", clientSecret: "secret" };
  const ping = [
    { send: "a", expect: "a" },
    { send: "b", expect: "b" },
  ];
  return {
    redirect: [`http://127.0.0.1:${http.port}/moved`, { followRedirects: "same-origin" }],
    token: [`http://127.0.0.1:${http.port}/`, { auth }],
    https: [`https://127.0.0.1:${https.port}/`, { tls }],
    tls: [`tls://127.0.0.1:${https.port}`, { tls }],
    grpc: [`grpc://127.0.0.1:${grpc.port}`, {}],
    dialogue: [`tcp://127.0.0.1:${tcp.port}`, { dialogue: ping }],
    dns: [`dns://${names.address}/a.test`, {}],
  };
}

test(`a process whose turns take ${TURN_MS} ms finds every kind of target healthy, with a timeout of 400 ms [C14]`, async (t) => {
  const settings = { interval: 1_500, timeout: 400, edgeInterval: 500, unhealthyThreshold: 1, reuse: false };
  const targets = Object.entries(await targetsOf(t));
  const noReuse = new Set(["tls", "dialogue", "dns"]); // they keep no connection anyway
  const checks = Object.fromEntries(
    targets.map(([name, [url, options]]) => {
      const { reuse, ...rest } = settings;
      return [name, [url, { ...rest, ...(noReuse.has(name) ? {} : { reuse }), ...options }]];
    }),
  );
  const prober = spawn(
    process.execPath,
    ["-r", SLOW_TURNS, "--import", "tsx", PROBER, JSON.stringify({ checks, tellsProbes: true })],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, TURN_MS: `${TURN_MS}` },
    },
  );
  notOutlive(prober, () => prober.kill("SIGKILL"));
  t.after(() => prober.kill("SIGKILL"));
  const changes: { kind: string; name: string; to: string; reason?: string }[] = [];
  createInterface({ input: prober.stdout }).on("line", (line) => changes.push(JSON.parse(line)));
  await eventually(() => changes.some(({ name, to }) => name === "" && to === "SERVING"), "everything is up");
  changes.length = 0;
  prober.kill("SIGUSR2");
  await pause(12_000);
  assert.deepEqual(
    changes.filter(({ kind }) => kind !== "probe"),
    [],
  );
  for (const name of Object.keys(checks)) {
    const counted = changes.filter((each) => each.kind === "probe" && each.name === name).length;
    assert.ok(counted >= 3, `${name}: ${counted} results`);
  }
  prober.kill("SIGUSR2");
});
