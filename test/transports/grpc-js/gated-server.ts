/** A real HTTP/2 server with the gate before a handler that says it was reached. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import type { TestContext } from "node:test";
import { createGate, type GateRules } from "../../../src/transports/grpc-js/gate.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { VirtualClock } from "../../support/virtual-clock.js";

export const UNARY = "/pkg.Service/Unary";
/** Its request is one message, its answer goes on: a Watch. */
export const WATCHING = "/pkg.Service/Watching";
export const STREAMING = "/pkg.Service/Streaming";

/** Opens a server and a client; both are gone when the test is. */
export async function gated(t: TestContext, rules: Partial<GateRules> = {}) {
  const clock = new VirtualClock();
  /** The headers of the calls that grpc-js was given. */
  const calls: IncomingHttpHeaders[] = [];
  /** The paths of what is plain HTTP. */
  const http: string[] = [];
  const gate = createGate(
    (stream, headers) => {
      calls.push(headers);
      // as grpc-js does, it answers when the request has ended
      stream.on("error", () => {}).resume();
      stream.on("end", () => {
        if (stream.destroyed || stream.headersSent) return;
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "0" },
          {
            endStream: headers[":path"] !== WATCHING,
          },
        );
      });
    },
    {
      clock,
      requestTimeoutMs: 5_000,
      maxStreamMs: 600_000,
      hasUnaryRequest: (path) => [UNARY, WATCHING].includes(path),
      hasStreamingRequest: (path) => path === STREAMING,
      onHttp: (stream, headers) => {
        http.push(String(headers[":path"]));
        stream.respond({ ":status": 418 }, { endStream: true });
      },
      ...rules,
    },
  );
  const server = createServer({ settings: { maxHeaderListSize: 16_384 } });
  server.on("stream", gate);
  server.on("sessionError", () => {});
  // as our listener does: the first bytes are read, and put back. HTTP/2 then reads them all before it emits a stream
  const listener = createTcpServer((socket) => {
    socket
      .on("error", () => {})
      .once("data", (bytes) => {
        socket.pause().unshift(bytes);
        server.emit("connection", socket);
      });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  // a server that listens on a port has an address with one
  const { port } = listener.address() as AddressInfo;
  const peer = new GrpcPeer(port);
  t.after(() => {
    peer.close();
    listener.close();
  });
  return { clock, calls, http, peer, port };
}
