/** Section A5: the wire, and both protocols on one port. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { deflateSync, gzipSync } from "node:zlib";
import { eventually, inTime, pause } from "../support/eventually.js";
import { collect, frame, GrpcPeer, HEALTH, request, statusIn } from "../support/grpc-peer.js";
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE } from "../support/raw-http2.js";
import { type Rows, row } from "./rows.js";
import type { ServerUnderTest } from "./server-under-test.js";

const CHECK = `${HEALTH}/Check`;
const SERVING_FRAME = Buffer.from("00000000020801", "hex");

export const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");

/** A Check of the server as a whole, in raw frames. */
const rawCheck = (stream = 1): Buffer =>
  Buffer.concat([
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, headerBlock(callHeaders(CHECK))),
    h2frame(TYPE.DATA, FLAG.END_STREAM, stream, frame(Buffer.alloc(0))),
  ]);

export const wireRows: Rows = (factory) => {
  row(
    factory,
    "an answer has status 200, gRPC's content type and the status in its trailers [A81]",
    async ({ peer }) => {
      const { end } = await peer.check("");
      assert.equal(end.httpStatus, 200);
      assert.match(String(end.headers["content-type"]), /^application\/grpc/);
      assert.equal(end.trailers["grpc-status"], "0");
    },
  );

  row(factory, "every content type of gRPC is served [A82]", async ({ peer }) => {
    for (const type of ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"]) {
      const end = await peer.call(CHECK, frame(Buffer.alloc(0)), { "content-type": type });
      assert.equal(end.code, 0, type);
    }
  });

  row(factory, "gzip and deflate requests are served [A83]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    for (const [encoding, pack] of [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
    ] as const) {
      const end = await peer.call(CHECK, frame(pack(request("a")), 1), { "grpc-encoding": encoding });
      assert.equal(statusIn(end.messages[0]), 1, encoding);
    }
  });

  row(factory, "a request in DATA frames of one byte is served [A84]", async ({ server }) => {
    server.set("a", "SERVING");
    const raw = new RawPeer(server.port);
    const body = [...frame(request("a"))].map((byte, index, all) =>
      h2frame(TYPE.DATA, index === all.length - 1 ? FLAG.END_STREAM : 0, 1, Buffer.from([byte])),
    );
    raw.write(
      PREFACE,
      h2frame(TYPE.SETTINGS, 0, 0),
      h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headerBlock(callHeaders(CHECK))),
      ...body,
    );
    await eventually(() => raw.data(1).equals(SERVING_FRAME), "the answer");
    raw.close();
  });

  row(factory, "headers in five CONTINUATION frames are served [A85]", async ({ server }) => {
    const raw = new RawPeer(server.port);
    const block = headerBlock(callHeaders(CHECK));
    const size = Math.ceil(block.length / 6);
    const pieces = Array.from({ length: 6 }, (_, index) => block.subarray(index * size, (index + 1) * size));
    const frames = pieces.map((piece, index) =>
      h2frame(index === 0 ? TYPE.HEADERS : TYPE.CONTINUATION, index === 5 ? FLAG.END_HEADERS : 0, 1, piece),
    );
    raw.write(
      PREFACE,
      h2frame(TYPE.SETTINGS, 0, 0),
      ...frames,
      h2frame(TYPE.DATA, FLAG.END_STREAM, 1, frame(Buffer.alloc(0))),
    );
    await eventually(() => raw.data(1).equals(SERVING_FRAME), "the answer");
    raw.close();
  });

  row(factory, "a preface in two parts, cut at any byte, is served [A86]", async ({ server }) => {
    const cuts = Array.from({ length: PREFACE.length }, (_, index) => index + 1);
    await Promise.all(
      cuts.map(async (cut) => {
        const raw = new RawPeer(server.port);
        raw.write(PREFACE.subarray(0, cut));
        await pause(20);
        raw.write(PREFACE.subarray(cut), h2frame(TYPE.SETTINGS, 0, 0), rawCheck());
        await eventually(() => raw.data(1).equals(SERVING_FRAME), `the answer, cut at ${cut}`);
        raw.close();
      }),
    );
  });

  row(factory, "a GET that comes byte by byte is served [A87]", async ({ server }) => {
    const raw = new RawPeer(server.port);
    for (const byte of Buffer.from("GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")) {
      raw.write(Buffer.from([byte]));
      await pause(1);
    }
    await eventually(() => raw.received.toString().endsWith("\r\n\r\nOK"), "the answer");
    raw.close();
  });

  row(factory, "a first byte that both protocols share decides nothing [A88]", async ({ server }) => {
    const [http1, http2] = [new RawPeer(server.port), new RawPeer(server.port)];
    for (const raw of [http1, http2]) raw.write(Buffer.from("P"));
    await pause(30);
    http1.write(Buffer.from("OST /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"));
    http2.write(PREFACE.subarray(1), h2frame(TYPE.SETTINGS, 0, 0), rawCheck());
    await eventually(() => http1.received.toString().startsWith("HTTP/1.1 405 "), "HTTP/1's answer");
    await eventually(() => http2.data(1).equals(SERVING_FRAME), "HTTP/2's answer");
    for (const raw of [http1, http2]) raw.close();
  });

  row(factory, "five hundred connections of each protocol get their own [A89]", async ({ server }) => {
    const one = async (index: number) => {
      if (index % 2 === 0) {
        const peer = new GrpcPeer(server.port);
        const { status } = await peer.check("");
        peer.close();
        return status === 1;
      }
      const answer = await getOnce(server.port, "/healthcheck");
      return answer.endsWith("\r\n\r\nOK");
    };
    const results = await Promise.all(Array.from({ length: 1000 }, (_, index) => one(index)));
    assert.equal(results.filter((right) => right).length, 1000);
  });

  const tls = { cert: fixture("server.crt"), key: fixture("server.key") };
  row(
    factory,
    "over TLS, ALPN decides: h2 is gRPC, http/1.1 and no ALPN are HTTP/1 [A90]",
    async ({ server }) => {
      const peer = new GrpcPeer(`https://localhost:${server.port}`, { ca: fixture("ca.crt") });
      assert.equal((await peer.check("")).status, 1);
      peer.close();
      for (const alpn of [["http/1.1"], []]) {
        assert.ok((await getOverTls(server, { ALPNProtocols: alpn })).endsWith("\r\n\r\nOK"), `ALPN ${alpn}`);
      }
    },
    { tls },
  );

  row(
    factory,
    "clear text on the TLS port is closed [A90]",
    async ({ server }) => {
      const raw = new RawPeer(server.port);
      raw.write(Buffer.from("GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"));
      await eventually(() => raw.closed, "the connection is closed");
      assert.ok(!raw.received.includes("OK"));
    },
    { tls },
  );

  row(factory, "TLS on the clear-text port is closed [A90]", async ({ server }) => {
    const socket = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
    await inTime(
      new Promise((resolve) => socket.on("error", () => {}).on("close", resolve)),
      "the connection is closed",
    );
  });

  row(
    factory,
    "with a client CA, only its certificates are accepted [A90]",
    async ({ server }) => {
      const good = { ca: fixture("ca.crt"), cert: fixture("client.crt"), key: fixture("client.key") };
      const peer = new GrpcPeer(`https://localhost:${server.port}`, good);
      assert.equal((await peer.check("")).status, 1);
      peer.close();
      for (const bad of [{}, { cert: fixture("stranger.crt"), key: fixture("stranger.key") }]) {
        const stranger = new GrpcPeer(`https://localhost:${server.port}`, { ca: fixture("ca.crt"), ...bad });
        assert.equal((await stranger.check("")).code, -1);
        stranger.close();
        await assert.rejects(getOverTls(server, bad));
      }
    },
    { tls: { ...tls, clientCa: fixture("ca.crt") } },
  );

  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((found) => found?.address === "::1");
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const path = join(directory, "health.sock");
  row(
    factory,
    "IPv4, IPv6 and a unix socket serve both protocols [A91]",
    async ({ server }) => {
      assert.equal(server.addresses.length, hasIpv6 ? 3 : 2);
      for (const address of server.addresses) {
        const port = Number(address.split(":").at(-1));
        const where = address.startsWith("/")
          ? { path: address }
          : { port, host: address.startsWith("::1") ? "::1" : "127.0.0.1" };
        const peer = new GrpcPeer("http://localhost", { createConnection: () => connectSocket(where) });
        assert.equal((await peer.check("")).status, 1, address);
        peer.close();
        assert.ok((await getOnce(where, "/healthcheck")).endsWith("\r\n\r\nOK"), address);
      }
    },
    { listen: ["127.0.0.1:0", ...(hasIpv6 ? ["[::1]:0"] : []), `unix:${path}`] },
  );
  process.once("exit", () => rmSync(directory, { recursive: true }));

  row(factory, "a GET over HTTP/2 with prior knowledge is served [A92]", async ({ server, peer }) => {
    const get = async (method: string, path: string) => {
      const stream = peer.session.request({ ":method": method, ":path": path });
      let body = "";
      stream.on("data", (chunk) => {
        body += chunk;
      });
      return { ...(await collect(stream, () => {})), body };
    };
    const answer = await get("GET", "/healthcheck");
    assert.deepEqual([answer.httpStatus, answer.body], [200, "OK"]);
    assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert.deepEqual(
      [(await get("HEAD", "/healthcheck")).httpStatus, (await get("HEAD", "/healthcheck")).body],
      [200, ""],
    );
    assert.equal((await get("POST", "/healthcheck")).httpStatus, 405);
    server.set("", "NOT_SERVING");
    assert.deepEqual(
      [(await get("GET", "/healthcheck")).httpStatus, (await get("GET", "/nothing")).httpStatus],
      [503, 404],
    );
  });

  row(factory, "a method's path with a query is UNIMPLEMENTED [A93]", async ({ peer }) => {
    assert.equal((await peer.call(`${CHECK}?a=b`, frame(Buffer.alloc(0)))).code, 12);
  });

  row(factory, "a PING is acknowledged under load [A94]", async ({ peer }) => {
    await peer.check("");
    const load = Array.from({ length: 500 }, () => peer.check(""));
    const ping = new Promise<void>((resolve, reject) =>
      peer.session.ping((error) => (error ? reject(error) : resolve())),
    );
    await inTime(ping, "the PING's acknowledgement");
    for (const { status } of await Promise.all(load)) assert.equal(status, 1);
  });

  row(factory, "1,024 streams are served, and one more does not matter [A95]", async ({ server, peer }) => {
    await peer.check("");
    const watches = Array.from({ length: 1024 }, () => peer.watch("a"));
    await eventually(() => watches.every(({ statuses }) => statuses.length === 1), "every first message");
    const extra = peer.watch("a");
    await pause(100);
    server.set("a", "SERVING");
    for (const watch of watches) await watch.saw(3, 1);
    for (const watch of watches) assert.equal(watch.end, undefined);
    for (const watch of watches) watch.cancel();
    await eventually(() => extra.end !== undefined || extra.statuses.at(-1) === 1, "the extra one waits or is refused");
  });

  row(
    factory,
    "a method for balancers answers by its code alone",
    async ({ server, peer }) => {
      const ask = () => peer.call("/AWS.ALB/healthcheck", frame(Buffer.alloc(0)));
      assert.equal((await ask()).code, 0);
      server.set("", "NOT_SERVING");
      assert.equal((await ask()).code, 14);
      server.set("", "UNKNOWN");
      assert.equal((await ask()).code, 14);
    },
    { statusCodePaths: ["/AWS.ALB/healthcheck"] },
  );

  row(factory, "a degraded service is SERVING, with Envoy's metadata", async ({ server, peer }) => {
    server.set("a", "SERVING", { degraded: true });
    const { status, end } = await peer.check("a");
    assert.deepEqual([status, end.headers["x-envoy-degraded"]], [1, "true"]);
    server.set("a", "SERVING");
    assert.equal((await peer.check("a")).end.headers["x-envoy-degraded"], undefined);
  });
};

/** One GET over HTTP/1, as text with its headers. */
export function getOnce(
  where: number | { path: string } | { port: number; host: string },
  target: string,
): Promise<string> {
  const socket = connectSocket(typeof where === "number" ? { port: where, host: "127.0.0.1" } : where);
  let text = "";
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  socket.on("data", (bytes) => {
    text += bytes;
  });
  return new Promise((resolve, reject) => socket.on("error", reject).on("close", () => resolve(text)));
}

function getOverTls({ port }: ServerUnderTest, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "localhost", ca: fixture("ca.crt"), ...options });
    let text = "";
    socket.write("GET /healthcheck HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket
      .on("error", reject)
      .on("close", () => (text === "" ? reject(new Error("closed without an answer")) : resolve(text)));
  });
}
