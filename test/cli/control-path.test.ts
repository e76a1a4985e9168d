/** Where the commands look for the control socket. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { controlPath } from "../../src/cli/control-call.js";

const NOBODY = 65_534;

test("a folder that this user cannot search counts as the place of the socket, after those with a socket", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-control-path-"));
  chmodSync(folder, 0o755);
  const [forbidden, open] = [join(folder, "forbidden"), join(folder, "open")];
  for (const each of [forbidden, open]) mkdirSync(each);
  chmodSync(forbidden, 0o000);
  const [workingFolder, user] = [process.cwd(), process.geteuid?.() ?? 0];
  process.chdir(open);
  if (user === 0) process.seteuid?.(NOBODY); // root can search every folder
  t.after(() => {
    process.seteuid?.(user);
    process.chdir(workingFolder);
    rmSync(folder, { recursive: true });
  });
  const found = (XDG_RUNTIME_DIR: string) => controlPath(new Map(), { XDG_RUNTIME_DIR });
  assert.equal(await found(forbidden), join(forbidden, "healthbridge.sock"));
  await assert.rejects(found(open), /no socket at .*open\/healthbridge\.sock or/);
  process.seteuid?.(user);
  writeFileSync(join(open, "healthbridge.sock"), "");
  assert.equal(await found(open), join(open, "healthbridge.sock"));
});
