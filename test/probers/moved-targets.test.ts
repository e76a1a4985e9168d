/**
 * A target moves while its old server still answers: each scheme's reused connection follows.
 *
 *     name    127.0.0.2 --> 127.0.0.3     as soon as DNS is asked again, long before maxConnectionAge
 *             DNS says nothing            at maxConnectionAge
 *     socket  a new file at its path      at maxConnectionAge
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { NameResolver } from "../../src/client/resolver.js";
import type { ProberOptions } from "../../src/probers/options.js";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { certify, createSubject } from "../support/certificates.js";
import { NameServer } from "../support/name-server.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { FAKE_SERVERS, type FakeServer, REUSED_SERVERS, REUSING_SCHEMES } from "./fake-servers.js";
import { verdict } from "./probing.js";
import { Target } from "./targets.js";

const NAME = "moving.test";
const [OLD, NEW] = ["127.0.0.2", "127.0.0.3"];

/** What is tested: the label is the scheme, or begins with it. */
const OVER_TCP = [
  ...Object.entries(REUSED_SERVERS).map(([scheme, row]) => ({ label: scheme, scheme, options: {}, ...row })),
  {
    label: "http, HTTP/2",
    scheme: "http",
    options: { http2: "prior-knowledge" },
    server: FAKE_SERVERS.grpc,
    isSecure: false,
  },
  { label: "https, HTTP/2", scheme: "https", options: { http2: true }, server: FAKE_SERVERS.grpc, isSecure: true },
] as const;

const OVER_UNIX: Readonly<Record<string, FakeServer>> = {
  "http+unix": FAKE_SERVERS.http,
  "grpc+unix": FAKE_SERVERS.grpc,
};

const authority = createSubject("moved CA");
const leaf = createSubject("moved");
const CA = certify(authority);
const IDENTITY = {
  key: leaf.key,
  cert: certify(leaf, { issuer: authority, hosts: [NAME] }),
  ALPNProtocols: ["h2", "http/1.1"],
};

test("every scheme that keeps a connection is tested here", () => {
  const tested = [...OVER_TCP.map(({ scheme }) => scheme), ...Object.keys(OVER_UNIX)];
  assert.deepEqual([...new Set<string>(tested)].sort(), [...REUSING_SCHEMES].sort());
});

/** Serves each connection as the old and the new server do; `addresses` are those that clients connected to, in turn. */
async function startServers(t: TestContext, { server: serve, isSecure }: { server: FakeServer; isSecure: boolean }) {
  const addresses: (string | undefined)[] = [];
  const onConnection = (socket: Socket) => {
    addresses.push(socket.localAddress);
    socket.on("error", () => {}).on("end", () => socket.end());
    serve(socket, () => true);
  };
  const server: Server = isSecure ? createTls(IDENTITY, onConnection) : createServer(onConnection);
  const target = await Target.start(server, "0.0.0.0");
  t.after(() => target.stop());
  return { addresses, target };
}

async function startNames(t: TestContext): Promise<NameServer> {
  const names = await NameServer.start(t);
  names.records.set(NAME, { ttl: 5, addresses: [OLD] });
  return names;
}

/** A prober of the name, by a clock and a name server of the test. */
function openMoving(url: string, names: NameServer, options: ProberOptions): { prober: Prober; clock: VirtualClock } {
  const clock = new VirtualClock();
  const resolver = new NameResolver({ clock, servers: [names.address] });
  return { prober: openTarget(url, { ...systemDeps(), clock, random: () => 0, resolver }, options), clock };
}

for (const row of OVER_TCP)
  describe(row.label, () => {
    const tls = row.isSecure ? { tls: { ca: CA, warnBefore: 0 } } : {};
    const options: ProberOptions = { ...row.options, ...tls };

    test("the connection follows a name that moves, and no probe fails", async (t) => {
      const names = await startNames(t);
      const { addresses, target } = await startServers(t, row);
      const { prober, clock } = openMoving(`${row.scheme}://${NAME}:${target.port}`, names, options);
      for (let round = 1; round <= 2; round += 1) assert.equal(await verdict(prober), "pass");
      assert.deepEqual(addresses, [OLD], "one connection");
      names.records.set(NAME, { ttl: 5, addresses: [NEW] });
      await clock.advance(6_000);
      // the probe that notices that the answer is old does not wait for a new one
      for (let round = 1; addresses.length === 1 && round <= 20; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.deepEqual(addresses, [OLD, NEW]);
      assert.equal(await verdict(prober), "pass");
      assert.deepEqual(addresses, [OLD, NEW], "the new connection is kept");
      prober.close();
      await target.disconnected();
    });

    test("one that DNS is silent about is followed within maxConnectionAge", async (t) => {
      const names = await startNames(t);
      const { addresses, target } = await startServers(t, row);
      const url = `${row.scheme}://${NAME}:${target.port}`;
      const { prober, clock } = openMoving(url, names, { ...options, maxConnectionAge: "10s" });
      assert.equal(await verdict(prober), "pass");
      names.silent = true;
      await clock.advance(9_900);
      assert.equal(await verdict(prober), "pass");
      assert.deepEqual(addresses, [OLD], "young");
      names.silent = false;
      names.records.set(NAME, { ttl: 5, addresses: [NEW] });
      await clock.advance(30_000); // the look-up that nothing answered has ended
      assert.equal(await verdict(prober), "pass");
      assert.deepEqual(addresses, [OLD, NEW]);
      prober.close();
      await target.disconnected();
    });
  });

for (const [scheme, serve] of Object.entries(OVER_UNIX))
  test(`${scheme}: a socket that another server has bound is followed within maxConnectionAge`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-moved-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "x.sock");
    const connections: string[] = [];
    const listen = async (name: string): Promise<void> => {
      const server = createServer((socket) => {
        connections.push(name);
        socket.on("error", () => {}).on("end", () => socket.end());
        serve(socket, () => true);
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      t.after(() => server.close());
    };
    await listen("old");
    const clock = new VirtualClock();
    const deps = { ...systemDeps(), clock, random: () => 0 };
    const prober = openTarget(`${scheme}://${encodeURIComponent(path)}`, deps, { maxConnectionAge: "10s" });
    assert.equal(await verdict(prober), "pass");
    unlinkSync(path);
    await listen("new");
    await clock.advance(9_900);
    assert.equal(await verdict(prober), "pass");
    assert.deepEqual(connections, ["old"]);
    await clock.advance(200);
    assert.equal(await verdict(prober), "pass");
    assert.deepEqual(connections, ["old", "new"]);
    prober.close();
  });
