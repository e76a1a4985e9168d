import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer as createHttps } from "node:https";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { answer, SERVING, Target } from "./targets.js";

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const fixture = (file: string) => readFileSync(path(`../fixtures/tls/${file}`));
const identity = () => ({ cert: fixture("server.crt"), key: fixture("server.key") });

/** Node reads the authorities that it trusts when it starts, so a process of its own probes. It also ends by itself. */
async function probeTrusting(
  ...urls: readonly string[]
): Promise<{ outcome: string; reason?: string; detail?: string; certificateEndsAt?: number }[]> {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: path("../fixtures/tls/ca.crt") };
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", path("probe-once.ts"), ...urls], {
    env,
    timeout: 60_000,
  });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("a trusted certificate with the right name passes, one with another name fails [A126]", async () => {
  const https = await Target.start(
    createHttps(identity(), (_, response) => void response.end()),
    "127.0.0.1",
  );
  const other = await Target.start(
    createHttps(identity(), (_, response) => void response.end()),
    "127.0.0.2",
  );
  const h2 = createSecureServer(identity());
  h2.on("stream", (stream) => answer(stream, SERVING));
  const grpcs = await Target.start(h2);
  const [byAddress, byName, overGrpc, misnamed] = await probeTrusting(
    `https://127.0.0.1:${https.port}`,
    `https://localhost:${https.port}`,
    `grpcs://127.0.0.1:${grpcs.port}`,
    `https://127.0.0.2:${other.port}`,
  );
  assert.deepEqual(
    [byAddress, byName, overGrpc].map((result) => result?.outcome),
    ["pass", "pass", "pass"],
  );
  assert.ok((byAddress?.certificateEndsAt ?? 0) > Date.now(), "the end of the certificate is in the result");
  assert.deepEqual([misnamed?.outcome, misnamed?.reason], ["fail", "tls-name"]);
  const expected = /^ERR_TLS_CERT_ALTNAME_INVALID the certificate is for .*localhost.*, and not for 127\.0\.0\.2$/;
  assert.match(misnamed?.detail ?? "", expected);
  for (const target of [https, other, grpcs]) await target.stop();
});
