import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type Connected, ConnectionAttempts } from "../../src/client/connection-attempts.js";
import type { AddressListener, Resolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { openBlackHole } from "../support/black-hole.js";
import { startStopwatch } from "../support/stopwatch.js";

/** A resolver that is told when to answer. */
function resolverOf(onResolve: (listener: AddressListener) => void): Resolver {
  return {
    clock: systemClock,
    resolve: (_name, listener) => {
      onResolve(listener);
      return () => {};
    },
    hasMoved: () => false,
    permits: () => true,
    takeAttempt: () => true,
    releaseAttempt: () => {},
  };
}

async function listen(t: TestContext): Promise<number> {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

const later = (ms: number, action: () => void) => void setTimeout(action, ms);
const GOOD = { address: "127.0.0.1", family: 4 };
const HOLE = { address: "127.0.0.2", family: 4 };

test("an address that becomes known later is tried while the first one does not answer (RFC 8305, section 5)", async (t) => {
  const port = await listen(t);
  await openBlackHole(t, HOLE.address, port);
  const resolver = resolverOf((listener) => {
    later(10, () => listener.onAddresses([HOLE], false));
    later(300, () => listener.onAddresses([HOLE, GOOD], true));
  });
  const stop = startStopwatch();
  const { socket } = await new Promise<Connected>((onConnect, onError) => {
    new ConnectionAttempts({ host: "a.test", port, resolver }, 10_000, { onConnect, onError });
  });
  socket.destroy();
  assert.ok(stop() < 1_000);
});
