/** B56: clients that open an HTTP/2 connection and then say nothing, on a whole server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { Health, type ListenOptions } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { h2frame, PREFACE, RawPeer, TYPE } from "../../support/raw-http2.js";

const pem = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), "utf8");

async function serving(t: TestContext, options: ListenOptions = {}) {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], { firstBytesTimeoutMs: 200, ...options });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return { server, port: portOf(server) };
}

describe("a client that opens an HTTP/2 connection", () => {
  test("and sends nothing after the preface is closed [B56]", async (t) => {
    const { server, port } = await serving(t);
    const raw = new RawPeer(port);
    raw.write(PREFACE);
    await eventually(() => raw.closed, "the connection is closed");
    await eventually(() => server.connectionCount === 0, "it is forgotten");
  });

  test("and sends nothing at all, by ALPN, is closed [B56]", async (t) => {
    const { server, port } = await serving(t, { tls: { cert: pem("server.crt"), key: pem("server.key") } });
    const socket = connect({ port, host: "localhost", ca: pem("ca.crt"), ALPNProtocols: ["h2"] });
    t.after(() => void socket.destroy());
    let closed = false;
    socket.on("error", () => {}).resume();
    socket.on("close", () => {
      closed = true;
    });
    await eventually(() => closed, "the connection is closed");
    await eventually(() => server.connectionCount === 0, "it is forgotten");
  });

  test("and sends its settings stays open without a request", async (t) => {
    const { server, port } = await serving(t);
    const raw = new RawPeer(port);
    t.after(() => raw.close());
    raw.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0));
    await eventually(() => raw.frames().some(({ type }) => type === TYPE.SETTINGS), "the server's settings");
    // a second client goes through the same times meanwhile
    const silent = new RawPeer(port);
    await eventually(() => silent.closed, "the silent one is closed");
    const peer = new GrpcPeer(port);
    t.after(() => peer.close());
    assert.equal((await peer.check("")).status, 1);
    assert.deepEqual([raw.closed, server.connectionCount], [false, 2]);
  });
});
