/** Probers in a process whose delays have moved the deadline: what they time themselves moves too. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createServer as createTls } from "node:tls";
import type { NameServer as ServerAddress } from "../../src/client/dns-attempt.js";
import { queryServers, ServerHistory } from "../../src/client/dns-query.js";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import type { ProberOptions } from "../../src/probers/options.js";
import type { ProbeContext, Prober } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { afterShare } from "../../src/probers/time-share.js";
import { certify, createSubject } from "../support/certificates.js";
import { NameServer } from "../support/name-server.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { httpTarget, Target } from "./targets.js";

/** A timeout of 400 ms that delays move by a second, 50 ms after the start of the probe. */
const TIMEOUT_MS = 400;
const MOVED_MS = 1_000;

function movedContext(): ProbeContext {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(TIMEOUT_MS + MOVED_MS);
  const leftMs = () => {
    const elapsedMs = performance.now() - startedAt;
    return TIMEOUT_MS + (elapsedMs > 50 ? MOVED_MS : 0) - elapsedMs;
  };
  return { signal, timeoutMs: TIMEOUT_MS, leftMs };
}

async function verdict(t: TestContext, url: string, options: ProberOptions, deps = {}): Promise<string> {
  const prober: Prober = openTarget(url, { ...systemDeps(), ...deps }, options);
  t.after(() => prober.close());
  const { outcome, reason } = await prober.probe(movedContext());
  return reason === undefined ? outcome : `${outcome} ${reason}`;
}

async function slowHttp(t: TestContext, delayMs: number, answer: (path: string) => readonly [number, object, string]) {
  const target = await httpTarget(async ({ url = "" }, response) => {
    await pause(delayMs);
    const [status, headers, body] = answer(url);
    response.writeHead(status, { ...headers }).end(body);
  });
  t.after(() => target.stop());
  return target;
}

describe("when the deadline has moved,", () => {
  test("redirects are followed after the old one", async (t) => {
    const target = await slowHttp(t, 250, (path) =>
      path === "/end" ? [200, {}, ""] : [302, { location: path === "/" ? "/next" : "/end" }, ""],
    );
    const url = `http://127.0.0.1:${target.port}/`;
    assert.equal(await verdict(t, url, { followRedirects: "same-origin" }), "pass");
  });

  test("a token may take more than half of the old time", async (t) => {
    const token = JSON.stringify({ access_token: "t", token_type: "bearer" });
    const tokens = await slowHttp(t, 350, () => [200, { "content-type": "application/json" }, token]);
    const target = await slowHttp(t, 0, () => [200, {}, ""]);
    const auth = { tokenUrl: `http://127.0.0.1:${tokens.port}/`, clientId: "id", clientSecret: "secret" };
    assert.equal(await verdict(t, `http://127.0.0.1:${target.port}/`, { auth }), "pass");
  });

  test("the first of two addresses has its share of the new time", async (t) => {
    const names = await NameServer.start(t);
    names.records.set("two.test", { ttl: 5, addresses: ["127.0.0.1", "127.0.0.3"] });
    const server = createSocket("udp4");
    server.on("message", async (message, { port, address }) => {
      await pause(350);
      server.send(message, port, address);
    });
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const resolver = new NameResolver({ clock: systemClock, servers: [names.address] });
    const options = { dialogue: [{ send: "ping", expect: "ping" }] };
    assert.equal(await verdict(t, `udp://two.test:${server.address().port}`, options, { resolver }), "pass");
  });

  test("a target still has its time to refuse the client certificate", async (t) => {
    const [CA, SERVER] = [createSubject("Root"), createSubject("server")];
    const cert = certify(SERVER, { issuer: CA, hosts: ["127.0.0.1"] });
    const mutual = { requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" } as const;
    const server = createTls({ key: SERVER.key, cert, ca: certify(CA), ...mutual }).on("tlsClientError", () => {});
    const target = await Target.start(server);
    t.after(() => target.stop());
    // its first bytes are late, so that the old deadline is near, and what follows is later by 60 ms
    const proxy = createServer((socket) => {
      const upstream = connect(target.port, "127.0.0.1");
      let isFirst = true;
      upstream.on("error", () => {}).on("end", () => void pause(60).then(() => socket.end()));
      upstream.on("data", (bytes) => {
        void pause(isFirst ? 340 : 60).then(() => socket.write(bytes));
        isFirst = false;
      });
      socket.on("error", () => {}).on("data", (bytes) => upstream.write(bytes));
      socket.on("close", () => upstream.destroy());
    });
    const { port } = await Target.start(proxy);
    t.after(() => void proxy.close());
    assert.equal(await verdict(t, `tls://127.0.0.1:${port}`, { tls: { ca: certify(CA) } }), "fail auth");
  });
});

describe("a share of the time of a probe", () => {
  /** Ends at 1,000 ms, and later by what was lost. */
  const begin = (shareMs: number) => {
    const clock = new VirtualClock();
    const state = { lostMs: 0, endedAt: Number.NaN };
    const leftMs = () => 1_000 + state.lostMs - clock.now();
    const cancel = afterShare({ leftMs }, shareMs, clock, () => (state.endedAt = clock.now()));
    return { clock, state, cancel };
  };

  test("ends when it is over", async () => {
    const { clock, state } = begin(300);
    await clock.advance(2_000);
    assert.equal(state.endedAt, 300);
  });

  test("is longer by delays, also by those after the first one", async () => {
    const { clock, state } = begin(300);
    state.lostMs = 200;
    await clock.advance(400);
    state.lostMs = 250;
    await clock.advance(2_000);
    assert.equal(state.endedAt, 550);
  });

  test("is over at the time that was set, when the deadline moves back, and never after it was cancelled", async () => {
    const { clock, state } = begin(300);
    state.lostMs = 400;
    await clock.advance(400);
    state.lostMs = 0;
    await clock.advance(2_000);
    assert.equal(state.endedAt, 700);
    const { clock: other, state: cancelled, cancel } = begin(300);
    cancel();
    await other.advance(2_000);
    assert.equal(cancelled.endedAt, Number.NaN);
    assert.equal(other.pendingTimers, 0);
  });
});

describe("a name server that answers", () => {
  const addressOf = ({ address }: NameServer): ServerAddress => {
    const [host = "", port] = address.split(":");
    return { address: host, port: Number(port) };
  };

  test("is not late by delays of this process", async (t) => {
    const names = await NameServer.start(t);
    names.records.set("a.test", { ttl: 5, addresses: ["192.0.2.7"] });
    names.delayMs = 100;
    const clock = new VirtualClock();
    const options = { servers: [addressOf(names)], timeoutMs: 1_000, attempts: 1, useTcp: false, clock };
    const answer = queryServers({ name: "a.test", type: "A" }, options, new ServerHistory(clock));
    for (let turn = 0; turn < 5; turn += 1) {
      clock.stall(400);
      await clock.advance(0);
    }
    assert.deepEqual(
      (await answer).records.map(({ text }) => text),
      ["192.0.2.7"],
    );
  });

  test("that a name has no address is contradicted by one before it, whose answer waits to be read", async (t) => {
    const [knowing, denying] = [await NameServer.start(t), await NameServer.start(t)];
    knowing.records.set("a.test", { ttl: 5, addresses: ["192.0.2.7"] });
    knowing.delayMs = 100;
    const clock = new VirtualClock();
    const servers = [addressOf(knowing), addressOf(denying)];
    const options = { servers, timeoutMs: 5_000, attempts: 1, useTcp: false, clock };
    const answer = queryServers({ name: "a.test", type: "A" }, options, new ServerHistory(clock));
    await settle();
    await clock.advance(300); // the second server is asked
    clock.stall(600);
    assert.deepEqual(
      (await answer).records.map(({ text }) => text),
      ["192.0.2.7"],
    );
  });
});
