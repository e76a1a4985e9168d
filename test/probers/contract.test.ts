/** What holds for a prober of every scheme. A new scheme fails to compile here until it has a row. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer as createHttps } from "node:https";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { createServer as createTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { openTarget, type SCHEMES } from "../../src/probers/schemes.js";
import { eventually, inTime } from "../support/eventually.js";
import { probe, start, verdict } from "./probing.js";
import { answer, grpcTarget, httpTarget, rawTarget, SERVING, silentTarget, Target } from "./targets.js";
import { webSocketServer } from "./websocket-server.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));
const identity = () => ({ cert: fixture("server.crt"), key: fixture("server.key") });

interface Row {
  /** A target that works, and what is said of it: a certificate of an unknown authority is a failure. */
  readonly working: () => Promise<Target>;
  readonly verdict: string;
  /** What is said of a target that takes the connection and says nothing: `undefined` when that is all that is asked. */
  readonly silence: string | undefined;
}

/** Answers everything with PONG. */
function pong(socket: Socket): void {
  socket.on("data", () => socket.write("+PONG\r\n")).on("end", () => socket.end());
  socket.on("error", () => {});
}

/** Schemes that are tested elsewhere: their targets are no TCP port, or need a real server to pass. */
const APART = {
  dns: "./dns.test.ts",
  unix: "./unix.test.ts",
  udp: "./udp.test.ts",
  "http+unix": "./unix.test.ts",
  "grpc+unix": "./grpc-options.test.ts",
  postgres: "./servers.test.ts",
  postgresql: "./servers.test.ts",
  mysql: "./servers.test.ts",
  amqp: "./servers.test.ts",
  amqps: "./servers.test.ts",
} as const;

for (const [scheme, file] of Object.entries(APART))
  test(`${scheme}: is tested in ${file}`, () => {
    const text = readFileSync(fileURLToPath(new URL(file, import.meta.url)), "utf8");
    assert.match(text, new RegExp(`\\b${scheme.replace("+", "\\+")}\\b`));
  });

const ROWS = {
  http: { working: () => httpTarget((_, response) => void response.end()), verdict: "pass", silence: "fail timeout" },
  https: {
    working: () => Target.start(createHttps(identity(), (_, response) => void response.end())),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
  "flower+http": {
    working: () => httpTarget((_, response) => void response.end('{"celery@a":true}')),
    verdict: "pass",
    silence: "fail timeout",
  },
  "flower+https": {
    working: () => Target.start(createHttps(identity(), (_, response) => void response.end())),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
  tls: {
    working: () => Target.start(createHttps(identity())),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
  redis: { working: () => rawTarget(pong), verdict: "pass", silence: "fail timeout" },
  rediss: {
    working: () => Target.start(createTls(identity(), pong)),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
  ws: { working: () => Target.start(createServer(webSocketServer())), verdict: "pass", silence: "fail timeout" },
  wss: {
    working: () => Target.start(createTls(identity(), webSocketServer())),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
  tcp: { working: silentTarget, verdict: "pass", silence: undefined },
  grpc: { working: () => grpcTarget((stream) => answer(stream, SERVING)), verdict: "pass", silence: "fail timeout" },
  grpcs: {
    working: () => Target.start(createSecureServer(identity())),
    verdict: "fail tls-untrusted",
    silence: "fail timeout",
  },
} as const satisfies Readonly<Record<Exclude<keyof typeof SCHEMES, keyof typeof APART>, Row>>;

const openAt = (scheme: string, port: number) => openTarget(`${scheme}://127.0.0.1:${port}`);

for (const [scheme, row] of Object.entries(ROWS)) {
  test(`${scheme}: a working target is ${row.verdict} again and again, and close leaves nothing`, async () => {
    const target = await row.working();
    const prober = openAt(scheme, target.port);
    prober.onChange?.(() => {});
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), row.verdict);
    await prober.close();
    await target.disconnected();
    await target.stop();
  });

  test(`${scheme}: a port without a listener is refused`, async () => {
    const target = await silentTarget();
    await target.stop();
    const prober = openAt(scheme, target.port);
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "fail refused");
    await prober.close();
  });

  if (row.silence !== undefined) {
    test(`${scheme}: the probe of a silent target ends with its signal, and the socket is closed [A120]`, async () => {
      const target = await silentTarget();
      const prober = openAt(scheme, target.port);
      for (let round = 1; round <= 2; round += 1) {
        const abort = new AbortController();
        const probing = start(prober, abort.signal, 60_000);
        await eventually(() => target.accepted === round, "connected");
        abort.abort();
        const { outcome, reason } = await inTime(probing, "the probe ends");
        assert.equal(`${outcome} ${reason}`, row.silence);
        await target.disconnected();
      }
      await prober.close();
      await target.stop();
    });

    test(`${scheme}: a target that closes, resets or sends nonsense fails`, async () => {
      const reset = await rawTarget((socket) => void socket.resetAndDestroy());
      const closed = await rawTarget((socket) => void socket.destroy());
      const nonsense = await rawTarget((socket) => {
        socket.on("end", () => socket.destroy());
        socket.write(Buffer.alloc(70_000, "nonsense "));
      });
      for (const target of [reset, closed, nonsense]) {
        const prober = openAt(scheme, target.port);
        for (let round = 0; round < 2; round += 1)
          assert.match(await inTime(verdict(prober), "a verdict"), /^fail (reset|closed|protocol|tls)$/);
        await prober.close();
        await target.disconnected();
        await target.stop();
      }
    });
  }

  test(`${scheme}: a probe whose signal is already aborted ends, and keeps no connection`, async () => {
    const target = await silentTarget();
    const prober = openAt(scheme, target.port);
    const probing = start(prober, AbortSignal.abort(), 60_000);
    assert.equal((await inTime(probing, "the probe ends")).outcome, "fail");
    await target.disconnected();
    await prober.close();
    await target.stop();
  });

  test(`${scheme}: close during a probe ends the probe and the connection`, async () => {
    const target = await silentTarget();
    const prober = openAt(scheme, target.port);
    const abort = new AbortController();
    const probing = start(prober, abort.signal, 60_000);
    if (row.silence !== undefined) await eventually(() => target.accepted === 1, "connected");
    abort.abort();
    await prober.close();
    await inTime(probing, "the probe ends");
    await target.disconnected();
    await target.stop();
  });
}

test("TLS on a clear-text port and clear text on a TLS port fail with their reasons", async () => {
  const plain = await httpTarget((_, response) => void response.end());
  const secure = await Target.start(createHttps(identity(), (_, response) => void response.end()));
  for (const [scheme, target, expected] of [
    ["https", plain, /^fail tls$/],
    ["grpcs", plain, /^fail tls$/],
    ["http", secure, /^fail (reset|protocol|closed)$/],
    ["grpc", secure, /^fail (reset|protocol|closed)$/],
  ] as const) {
    const prober = openAt(scheme, target.port);
    assert.match(await verdict(prober), expected, scheme);
    await prober.close();
  }
  await plain.stop();
  await secure.stop();
});

test("a certificate for another name fails, even if its authority is trusted", async () => {
  // trusted or not, 127.0.0.2 is none of its names; the pass over TLS stands in tls-trust.test.ts
  const secure = await Target.start(
    createHttps(identity(), (_, response) => void response.end()),
    "127.0.0.2",
  );
  const prober = openTarget(`https://127.0.0.2:${secure.port}`);
  const { reason, detail } = await probe(prober);
  assert.match(reason ?? "", /^tls-(?:name|untrusted)$/, detail);
  await prober.close();
  await secure.stop();
});
