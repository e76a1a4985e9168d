/** Unix sockets as targets: `unix` and `http+unix`. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { openTarget } from "../../src/probers/schemes.js";
import { verdict } from "./probing.js";

/** Listens on a socket with a blank in its path. */
async function listening(t: TestContext, server: Server): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-unix-"));
  const path = join(folder, "a b.sock");
  t.after(() => rmSync(folder, { recursive: true }));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const stop = (server: Server) => new Promise((resolve) => server.close(resolve));

test("a unix socket with a listener passes; a missing one is refused", async (t) => {
  const server = createServer((socket) => socket.destroy());
  const path = await listening(t, server);
  const prober = openTarget(`unix://${encodeURI(path)}`);
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  await stop(server);
  assert.equal(await verdict(prober), "fail refused");
});

test("http+unix asks an HTTP server on a Unix socket, and keeps the connection", async (t) => {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createHttp((request, response) => {
    requests.push(request);
    response.writeHead(request.url === "/" ? 503 : 200).end("OK");
  });
  server.on("connection", () => {
    connections += 1;
  });
  const socket = encodeURIComponent(await listening(t, server));
  const prober = openTarget(`http+unix://user:pass@${socket}/healthz?full=1`);
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  const [first] = requests;
  assert.deepEqual([first?.url, first?.headers.host, connections], ["/healthz?full=1", "localhost", 1]);
  assert.equal(first?.headers.authorization, `Basic ${Buffer.from("user:pass").toString("base64")}`);
  const root = openTarget(`http+unix://${socket}`);
  assert.equal(await verdict(root), "fail status", "without a path, / is asked for");
  root.close();
  prober.close();
  await stop(server);
  assert.equal(await verdict(prober), "fail refused");
});

for (const scheme of ["unix", "http+unix"] as const)
  test(`${scheme}: a socket whose queue of connections is full is the target's failure`, async (t) => {
    const server = createServer();
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-unix-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "x.sock");
    await new Promise<void>((resolve) => server.listen({ path, backlog: 1 }, resolve));
    t.after(() => stop(server));
    // connections come into the queue within `connect`, and leave it only between two turns of the event loop
    const fillers = Array.from({ length: 8 }, () => connect(path).on("error", () => {}));
    t.after(() => {
      for (const filler of fillers) filler.destroy();
    });
    const prober = openTarget(scheme === "unix" ? `unix://${path}` : `http+unix://${encodeURIComponent(path)}/`);
    t.after(() => prober.close());
    assert.equal(await verdict(prober), "fail refused");
  });

const BAD: readonly (readonly [target: string, expected: RegExp])[] = [
  ["unix:", /must be absolute; expected unix:\/\/\/run/],
  ["unix://", /must be absolute/],
  ["unix:///", /must be absolute/],
  ["unix://host/path", /must be the path/],
  ["unix:///run/a%", /invalid percent-encoding/],
  ["unix:///%00abstract", /NUL character/],
  [`unix:///${"x".repeat(107)}`, /at most 107 bytes/],
  ["http+unix:///run/x.sock", /percent-encoded in the place of the host; expected http\+unix:\/\/%2Frun/],
  ["http+unix:/run/x.sock", /percent-encoded in the place of the host/],
  ["http+unix://run/x.sock", /must be absolute/],
  ["http+unix://%2Frun%2Fx.sock:80/", /has no port/],
  ["http+unix://%2Frun%2Fx%/", /invalid percent-encoding/],
  ["http+unix://%2Frun%2Fx%00/", /NUL character/],
  [`http+unix://%2F${"x".repeat(107)}/`, /at most 107 bytes/],
];

for (const [target, expected] of BAD)
  test(`${target.slice(0, 40)} is refused: ${expected.source}`, () => {
    assert.throws(
      () => openTarget(target),
      (error) => error instanceof HealthError && error.code === "INVALID_TARGET" && expected.test(error.message),
    );
  });
