/** The request for the details of a service, to a server that does not answer it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { askDetails } from "../../../src/cli/watch/service-details.js";
import { Http2Connection } from "../../../src/client/http2-connection.js";
import { TargetSocket } from "../../../src/client/target-socket.js";
import { systemDeps } from "../../../src/probers/schemes.js";
import { inTime } from "../../support/eventually.js";

test("a request for details that is not answered in time is cancelled, and leaves the connection open", async (t) => {
  const server = createServer();
  const requested = once(server, "stream");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { clock, resolver, readBuffer } = systemDeps();
  const address = { host: "127.0.0.1", port, resolver, readBuffer, tls: undefined };
  const connection = new Http2Connection(new TargetSocket(address, 5_000), clock);
  t.after(() => connection.close());
  const settings = { scheme: "http", authority: "a", userAgent: "t", headers: [], encoding: undefined } as const;
  const asked = askDetails(connection, "orders", { ...settings, timeoutMs: 300 });
  const [stream]: ServerHttp2Stream[] = await requested;
  assert.ok(stream !== undefined);
  stream.on("error", () => {});
  const closed = once(stream, "close");
  assert.deepEqual(await inTime(asked, "the answer"), { details: undefined, bytes: 0 });
  await inTime(closed, "the stream is cancelled");
  assert.equal(stream.rstCode, 8);
  assert.equal(connection.isOpen, true);
});
