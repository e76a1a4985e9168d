/** An HTTP/1 server on a port of its own, and clients whose reading a test controls. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type Published, subscribe } from "../../../src/core/channels.js";
import type { Clock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import type { BridgeOptions } from "../../../src/transports/http/bridge.js";
import { Http1Server } from "../../../src/transports/http/http1.js";
import { eventually, pause } from "../../support/eventually.js";
import { bridgeAt } from "./bridge-fixture.js";

export const MB = 1_000_000;

/** A page of so many bytes. */
export const pageOf = (bytes: number) => ({
  lines: function* () {
    for (let left = bytes; left > 0; left -= 1_000) yield `${left}`.padEnd(999, "x").concat("\n");
  },
});

export const METRICS = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

/** A server, with the sockets that it has accepted. */
export async function serving<C extends Clock>(t: TestContext, clock: C, options: Partial<BridgeOptions>) {
  const fixture = bridgeAt(clock, { instance: "http1", ...options });
  const http1 = new Http1Server(fixture.bridge, new FairTurns(clock, "http1"));
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    http1.accept(socket);
  });
  await new Promise<void>((resolve) => void listener.listen(0, "127.0.0.1", resolve));
  const clients: Socket[] = [];
  t.after(async () => {
    for (const client of clients) client.destroy();
    await http1.close();
    await new Promise((resolve) => void listener.close(resolve));
  });
  const { port } = Object(listener.address());
  const open = (text: string) => {
    const client = connect(port, "127.0.0.1");
    client.on("error", () => {});
    client.write(text);
    clients.push(client);
    return client;
  };
  /** Opens a connection that is never read, and waits until the server cannot write any more. */
  const stall = async (text: string) => {
    const client = open(text).pause();
    await eventually(() => sockets.length === clients.length, "accepted");
    const socket = sockets.at(-1);
    assert.ok(socket !== undefined);
    let written = -1;
    await eventually(async () => {
      const before = written;
      written = socket.bytesWritten;
      await pause(100);
      return socket.writableLength > 0 && before === socket.bytesWritten;
    }, "stalled");
    return { client, socket };
  };
  return { ...fixture, port, sockets, open, stall };
}

/** The rules by which connections were ended. */
export function endedConnections(t: TestContext): Published<"connection-ended">[] {
  const ended: Published<"connection-ended">[] = [];
  t.after(subscribe("connection-ended", (message) => void (message.instance === "http1" && ended.push(message))));
  return ended;
}
