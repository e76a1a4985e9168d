/** The server's certificate and client CA, replaced under load. `npm run proof -- tls` replaces them 50 times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverRotation } from "../rotation/server-rotation.js";

test("of 100 handshakes a second none fails while certificate, key and client CA are replaced, torn pairs included [C32, C33]", async (t) => {
  const report = await serverRotation({ swaps: 4, handshakesPerSecond: 100, tornMs: 2_000, listenThread: false });
  t.diagnostic(JSON.stringify(report));
  assert.deepEqual(report.failures, []);
  assert.ok(report.handshakes > 500 && report.offeredSessions > 100, "the load was real");
});
