/** Row B99: a port below 1024, without the right to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { debian } from "./install.js";
import { run } from "./peers.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

test("without the right to a port below 1024, the start ends with code 2 and a message that says what to do [B99]", async () => {
  const without = ["--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service"];
  const command = [process.execPath, MAIN, "serve", "--listen", "127.0.0.1:81"];
  const { code, stderr } = await run(debian("setpriv", "util-linux"), [...without, ...command]);
  assert.equal(code, 2, stderr);
  assert.match(
    stderr,
    /^healthbridge: cannot listen on 127\.0\.0\.1:81: .*\(EACCES\); choose other addresses with --listen or the key `listen`\n$/,
  );
});
