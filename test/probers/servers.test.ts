/** Probers on a client library, before servers that are none; the real ones are in the interop suite. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { requirePackage } from "../../src/probers/library-prober.js";
import { openTarget } from "../../src/probers/schemes.js";
import { inTime } from "../support/eventually.js";
import { probe, start, verdict } from "./probing.js";
import { rawTarget, silentTarget } from "./targets.js";

const SCHEMES = ["postgres", "postgresql", "mysql", "amqp", "amqps"] as const;

const openAt = (scheme: string, port: number) => openTarget(`${scheme}://me:secret@127.0.0.1:${port}/db`);

for (const scheme of SCHEMES) {
  test(`${scheme}: a port without a listener is refused`, async () => {
    const target = await silentTarget();
    await target.stop();
    const prober = openAt(scheme, target.port);
    for (let round = 0; round < 2; round += 1) assert.equal(await verdict(prober), "fail refused");
    prober.close();
  });

  test(`${scheme}: the probe of a silent target ends with its signal, and the socket is closed [A120]`, async () => {
    const target = await silentTarget();
    const prober = openAt(scheme, target.port);
    const probing = start(prober, AbortSignal.timeout(200), 200);
    await inTime(
      probing.catch(() => {}),
      "the probe ends",
    );
    prober.close();
    await target.disconnected();
    await target.stop();
  });

  test(`${scheme}: a target that closes, resets or sends nonsense fails, and no password is shown [C37]`, async () => {
    for (const [label, act] of [
      ["closes", (socket) => void socket.end()],
      ["resets", (socket) => void socket.resetAndDestroy()],
      ["talks nonsense", (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(50))],
    ] as const satisfies readonly (readonly [string, Parameters<typeof rawTarget>[0]])[]) {
      const target = await rawTarget((socket) => {
        socket.resume().on("end", () => socket.destroy());
        act(socket);
      });
      const prober = openAt(scheme, target.port);
      const { outcome, reason, detail = "" } = await inTime(probe(prober), `${label}: a verdict`);
      assert.equal(outcome, "fail", label);
      assert.match(reason ?? "", /^(closed|reset|protocol|tls|answer)$/, `${label}: ${reason}`);
      assert.ok(!detail.includes("secret"), detail);
      prober.close();
      await target.disconnected();
      await target.stop();
    }
  });
}

test("a missing package is named when the check is declared, with the command that installs it", () => {
  const nowhere = () => {
    throw new Error("no such package");
  };
  assert.throws(
    () => requirePackage("pg", "postgres", nowhere),
    (error) =>
      error instanceof HealthError && error.code === "MISSING_PACKAGE" && error.message.endsWith("try: npm install pg"),
  );
  requirePackage("pg", "postgres", () => "there");
});
