/** docs/listeners.md: every form of an address and every configuration on the page is one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { TOP_KEYS } from "../../src/config/keys.js";
import { parseListenEntry } from "../../src/core/listen-point.js";
import { Health } from "../../src/index.js";
import { read } from "../config/reading.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";
import { tableOf } from "../support/readme.js";
import { blocksOf } from "./pages.js";

const PAGE = readFileSync(new URL("../../docs/listeners.md", import.meta.url), "utf8");

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const withFiles = (text: string) =>
  text
    .replaceAll("/etc/healthbridge/server.pem", fixture("server.crt"))
    .replaceAll("/etc/healthbridge/server.key", fixture("server.key"))
    .replaceAll("/etc/healthbridge/ca.pem", fixture("ca.crt"));

test("every form of the table is an address", () => {
  const forms = tableOf(PAGE, "forms").map(([form = ""]) => form.slice(1, -1));
  assert.ok(forms.length >= 10);
  for (const form of forms) {
    const { listen } = read(`listen: [${form.startsWith("{") ? form : JSON.stringify(form)}]`);
    for (const entry of listen) assert.ok(parseListenEntry(entry));
  }
});

test("the table has every scheme that the key listen names", () => {
  const forms = tableOf(PAGE, "forms").map(([form = ""]) => form.slice(1, -1));
  const schemes = [...TOP_KEYS.listen.meaning.matchAll(/\b[a-z]+:\/+/g)].map(([scheme]) => scheme);
  assert.deepEqual(schemes, ["unix:/", "fd://", "plain://", "open://"]);
  for (const scheme of schemes)
    assert.ok(
      forms.some((form) => form.startsWith(scheme)),
      scheme,
    );
});

test("every configuration with a listener is valid", () => {
  const texts = blocksOf(PAGE, "yaml").filter((text) => text.includes("listen:"));
  assert.equal(texts.length, 2);
  for (const text of texts) assert.equal(read(withFiles(text)).listen.length, 3);
});

test("the probes of Kubernetes pass at an open address", async (t) => {
  const probes = blocksOf(PAGE, "yaml").find((text) => text.includes("readinessProbe"));
  const { readinessProbe, livenessProbe, startupProbe } = parse(probes ?? "");
  const health = new Health();
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  const port = portOf(await health.listen(["open://127.0.0.1:0"]));
  for (const { httpGet } of [readinessProbe, startupProbe])
    assert.equal((await fetch(`http://127.0.0.1:${port}${httpGet.path}`)).status, 200);
  const peer = new GrpcPeer(port);
  t.after(() => peer.close());
  assert.equal((await peer.check(livenessProbe.grpc.service)).status, 1);
});
