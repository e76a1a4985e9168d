/** Kept connections, for every scheme that keeps one: how long, and what happens when one is lost. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { splitOptions } from "../../src/checks/check-options.js";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { HealthError } from "../../src/core/health-error.js";
import { type LimitedSocket, openLibraryProber } from "../../src/probers/library-prober.js";
import type { ProberOptions } from "../../src/probers/options.js";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget, SCHEMES, systemDeps } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { type FakeServer, REUSED_SERVERS, REUSING_SCHEMES } from "./fake-servers.js";
import { verdict } from "./probing.js";
import { Target } from "./targets.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");

/** A target, a prober of it and the clock of the prober. */
class Bench {
  readonly clock = new VirtualClock();
  /** What the target does with the next question instead of an answer. */
  breakNext = false;
  readonly target: Target;
  readonly prober: Prober;

  private constructor(target: Target, url: string, options: ProberOptions) {
    this.target = target;
    const resolver = new NameResolver({ clock: systemClock });
    this.prober = openTarget(url, { ...systemDeps(), clock: this.clock, random: () => 0.5, resolver }, options);
  }

  static async open(scheme: string, options: ProberOptions = {}): Promise<Bench> {
    const row = REUSED_SERVERS[scheme] ?? assert.fail(scheme);
    let bench: Bench | undefined;
    const serve = (socket: Parameters<FakeServer>[0]) => {
      socket.on("error", () => {}).on("end", () => socket.end());
      row.server(socket, () => {
        if (bench?.breakNext !== true) return true;
        bench.breakNext = false;
        socket.destroy();
        return false;
      });
    };
    const identity = { cert: fixture("server.crt"), key: fixture("server.key"), ALPNProtocols: ["h2", "http/1.1"] };
    const target = await Target.start(row.isSecure ? createTls(identity, serve) : createServer(serve));
    const tls = row.isSecure ? { tls: { ca: fixture("ca.crt"), warnBefore: 0 } } : {};
    bench = new Bench(target, `${scheme}://127.0.0.1:${target.port}`, { ...tls, ...options });
    return bench;
  }

  async passes(connections: number, what: string): Promise<void> {
    assert.equal(await verdict(this.prober), "pass", what);
    assert.equal(this.target.accepted, connections, what);
  }

  async close(): Promise<void> {
    this.prober.close();
    await this.target.disconnected();
    await this.target.stop();
  }
}

async function withBench(scheme: string, options: ProberOptions, body: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await Bench.open(scheme, options);
  try {
    await body(bench);
  } finally {
    await bench.close();
  }
}

test("every scheme that has the option `reuse` is tested here, and has `maxConnectionAge` too", () => {
  // a Unix socket is no other kind of connection: see unix.test.ts and grpc-options.test.ts
  const overTcp = REUSING_SCHEMES.filter((scheme) => !scheme.endsWith("+unix"));
  assert.deepEqual([...overTcp].sort(), Object.keys(REUSED_SERVERS).sort());
  const known: Readonly<Record<string, { readonly options: readonly string[] }>> = SCHEMES;
  for (const scheme of REUSING_SCHEMES) assert.ok(known[scheme]?.options.includes("maxConnectionAge"), scheme);
});

/** The sockets that keep this process alive. */
const liveSockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

for (const scheme of Object.keys(REUSED_SERVERS))
  describe(scheme, () => {
    test("probes share a connection until it is 5 minutes old, varied by a tenth downwards", () =>
      withBench(scheme, {}, async (bench) => {
        await bench.passes(1, "the first");
        await bench.clock.advance(284_000);
        await bench.passes(1, "after 284 s: 300 s less 5 %, for a random number of 0.5");
        await bench.clock.advance(2_000);
        await bench.passes(2, "after 286 s");
        await eventually(() => bench.target.connections.size === 1, "the old connection is closed");
        await bench.clock.advance(284_000);
        await bench.passes(2, "the age is counted from the connection's start");
      }));

    test("maxConnectionAge is a duration", () =>
      withBench(scheme, { maxConnectionAge: "10s" }, async (bench) => {
        await bench.passes(1, "the first");
        await bench.clock.advance(9_400);
        await bench.passes(1, "young");
        await bench.clock.advance(200);
        await bench.passes(2, "old");
      }));

    test("a connection that the target ended between two probes is replaced", () =>
      withBench(scheme, {}, async (bench) => {
        await bench.passes(1, "the first");
        for (const socket of bench.target.connections) socket.destroy();
        await bench.target.disconnected();
        await bench.passes(2, "the second");
      }));

    test("a connection that is lost in the moment of its use is replaced once, and the target has not failed", () =>
      withBench(scheme, {}, async (bench) => {
        await bench.passes(1, "the first");
        bench.breakNext = true;
        await bench.passes(2, "the second");
        await bench.passes(2, "the third");
      }));

    test("a new connection that is lost is a failure, and not asked again", () =>
      withBench(scheme, {}, async (bench) => {
        bench.breakNext = true;
        assert.match(await verdict(bench.prober), /^fail (closed|reset)$/);
        assert.equal(bench.target.accepted, 1);
      }));

    test("bytes that come between two probes end the connection, and the next probe passes", () =>
      withBench(scheme, {}, async (bench) => {
        await bench.passes(1, "the first");
        for (const socket of bench.target.connections) socket.write(Buffer.alloc(200, "garbage "));
        await eventually(() => bench.target.connections.size === 0 || bench.target.accepted > 1, "closed").catch(
          () => {},
        );
        await bench.passes(2, "the second");
      }));

    test("with reuse: false each probe has a connection of its own", () =>
      withBench(scheme, { reuse: false }, async (bench) => {
        bench.prober.onChange?.(() => assert.fail("a Watch needs a kept connection"));
        for (let round = 1; round <= 3; round += 1) {
          await bench.passes(round, `probe ${round}`);
          await bench.target.disconnected();
        }
      }));

    test("a kept connection keeps no process alive", () =>
      withBench(scheme, {}, async (bench) => {
        await bench.passes(1, "the first");
        assert.equal(liveSockets(), 1, "the target's end alone");
      }));
  });

for (const maxConnectionAge of ["0s", 0, "61m", 3_600_001, "soon", -1, Number.NaN])
  test(`maxConnectionAge: ${JSON.stringify(maxConnectionAge)} is refused when the check is declared`, () => {
    for (const scheme of ["http", "redis", "grpc", "postgres"])
      assert.throws(
        () => openTarget(`${scheme}://127.0.0.1:1`, undefined, { maxConnectionAge }),
        (error) =>
          error instanceof HealthError &&
          error.code === "INVALID_OPTION" &&
          error.message.startsWith("maxConnectionAge must be a duration above 0 and at most 1h, such as 5m; got "),
      );
  });

test("maxConnectionAge: 1h and 1ms are accepted; schemes that keep no connection refuse it", () => {
  for (const maxConnectionAge of ["1h", 1]) openTarget("http://127.0.0.1:1", undefined, { maxConnectionAge }).close();
  for (const target of ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "dns:a.test", "unix:///run/a.sock"])
    assert.throws(() => openTarget(target, undefined, { maxConnectionAge: "5m" }), /maxConnectionAge is not an option/);
});

test("a library that never answers on a lost connection is not asked on it: the loss was seen between two probes", async () => {
  const target = await Target.start(createServer((socket) => void socket.on("error", () => {})));
  const deps = { ...systemDeps(), clock: new VirtualClock(), random: () => 0.5 };
  const library = {
    address: { host: "127.0.0.1", port: target.port, resolver: deps.resolver },
    load:
      async () =>
      async ({ socket }: LimitedSocket) => ({
        ping: () => (socket.destroyed ? new Promise(() => {}) : Promise.resolve()),
      }),
    evaluate: () => undefined,
    goodbye: { request: Buffer.alloc(0) },
  };
  const prober = openLibraryProber(library, deps, {});
  assert.equal(await verdict(prober), "pass");
  for (const socket of target.connections) socket.destroy();
  await eventually(() => liveSockets() === 0, "both ends are gone");
  assert.equal(await verdict(prober), "pass");
  prober.close();
  await target.disconnected();
  await target.stop();
});

test("a check passes `reuse` and `maxConnectionAge` on to its prober", () => {
  const { settings, proberOptions } = splitOptions({ interval: "5s", reuse: false, maxConnectionAge: "1m" });
  assert.deepEqual([proberOptions.reuse, proberOptions.maxConnectionAge], [false, "1m"]);
  assert.deepEqual(settings, { interval: "5s", maxLatency: undefined });
});
