/** The two private fields of grpc-js: that they are there, that what we write reaches HTTP/2, and what is said if not. */
import assert from "node:assert/strict";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { describe, test } from "node:test";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthError } from "../../../src/core/health-error.js";
import { gateStreams, limitHttp2 } from "../../../src/transports/grpc-js/internals.js";

/** A server of which a field is something else. */
function altered(field: string, value: unknown): Server {
  const server = new Server();
  Reflect.set(server, field, value);
  return server;
}

function assertIncompatible(action: () => void, what: string): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(error instanceof HealthError);
    assert.equal(error.code, "INCOMPATIBLE_DEPENDENCY");
    assert.ok(error.message.startsWith(`the installed @grpc/grpc-js has no ${what}; use a version `), error.message);
    return true;
  });
}

describe("the limits on HTTP/2", () => {
  test("reach the options with which grpc-js creates its servers", () => {
    const server = new Server({ "grpc.max_concurrent_streams": 7 });
    limitHttp2(server, { maxHeaderListPairs: 64, settings: { maxHeaderListSize: 16_384 } });
    const { maxHeaderListPairs, settings, maxSendHeaderBlockLength } = Reflect.get(server, "commonServerOptions");
    assert.deepEqual([maxHeaderListPairs, settings], [64, { maxConcurrentStreams: 7, maxHeaderListSize: 16_384 }]);
    assert.equal(maxSendHeaderBlockLength, Number.MAX_SAFE_INTEGER);
  });

  test("can leave the settings unchanged", () => {
    const server = new Server({ "grpc.max_concurrent_streams": 7 });
    limitHttp2(server, { maxHeaderListPairs: 64 });
    assert.deepEqual(Reflect.get(server, "commonServerOptions").settings, { maxConcurrentStreams: 7 });
  });

  for (const value of [undefined, null, 5, "options"]) {
    test(`are refused by a grpc-js whose options are ${value}`, () => {
      const server = altered("commonServerOptions", value);
      assertIncompatible(() => limitHttp2(server, {}), "commonServerOptions");
    });
  }
});

describe("the gate on a server's streams", () => {
  test("gets the handler of grpc-js, and replaces it", () => {
    const server = new Server();
    server.createConnectionInjector(ServerCredentials.createInsecure());
    const [source] = [...Reflect.get(server, "http2Servers").keys()];
    const [before] = source.rawListeners("stream");
    const gate = (_: ServerHttp2Stream) => {};
    gateStreams(server, (grpcJs) => {
      assert.equal(grpcJs, before);
      return gate;
    });
    assert.deepEqual(source.rawListeners("stream"), [gate]);
    source.close();
  });

  for (const value of [undefined, new Set(), new Map()]) {
    test(`is refused by a grpc-js whose servers are ${value instanceof Map ? "none" : typeof value}`, () => {
      const server = altered("http2Servers", value);
      assertIncompatible(() => gateStreams(server, (grpcJs) => grpcJs), "http2Servers");
    });
  }

  for (const count of [0, 2]) {
    test(`is refused by a grpc-js with ${count} handlers of streams`, () => {
      const source = createServer();
      for (let index = 0; index < count; index += 1) source.on("stream", () => {});
      const server = altered("http2Servers", new Map([[source, {}]]));
      assertIncompatible(() => gateStreams(server, (grpcJs) => grpcJs), "http2Servers with one stream handler each");
      assert.equal(source.listenerCount("stream"), count);
    });
  }
});
