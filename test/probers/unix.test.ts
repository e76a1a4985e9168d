import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { verdict } from "./probing.js";

test("a unix socket with a listener passes; a missing one is refused", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-unix-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "a b.sock");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const prober = openTarget(`unix://${encodeURI(path)}`);
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await verdict(prober), "fail refused");
});

test("a unix socket needs a path", () => {
  for (const target of ["unix:", "unix://", "unix:///", "unix://host/path"])
    assert.throws(() => openTarget(target), /unix/, target);
});
