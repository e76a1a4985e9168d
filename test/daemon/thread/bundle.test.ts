/** An application that has bundled the library: the file of the thread is not beside its code. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const LIBRARY = fileURLToPath(new URL("../../../dist/index.cjs", import.meta.url));

const APPLICATION = `import { Health } from ${JSON.stringify(LIBRARY)};
const health = new Health();
health.listen(["127.0.0.1:0"], { thread: true }).then(
  (server) => console.log("served", server.addresses.length, server.close()),
  ({ code, message }) => console.log(code, message),
);`;

async function run(t: TestContext, external: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "hb-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [source, outfile] = [join(folder, "app.mjs"), join(folder, "bundle.cjs")];
  writeFileSync(source, APPLICATION);
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: external ? [LIBRARY] : ["@grpc/*", "grpc-health-check", "mysql2*", "pg", "re2js"],
    logLevel: "silent",
  });
  return spawnSync(process.execPath, [outfile], { encoding: "utf8", timeout: 20_000 }).stdout;
}

test("a bundle that contains the library is told what to change, and one that does not works", async (t) => {
  assert.match(
    await run(t, false),
    /^MISSING_PACKAGE thread: true needs the file .*listener-thread\.cjs; keep healthbridge out of the bundle/,
  );
  assert.match(await run(t, true), /^served 1 /);
});
