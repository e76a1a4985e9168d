import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type ServerOptions } from "node:https";
import { test } from "node:test";
import { createServer as createTls } from "node:tls";
import { HealthError } from "../../src/core/health-error.js";
import type { TargetTls } from "../../src/probers/options.js";
import { PASS, type Prober, withCertificate } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe, verdict } from "./probing.js";
import { Target } from "./targets.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), "utf8");
const CA = fixture("ca.crt");
const IDENTITY = { cert: fixture("server.crt"), key: fixture("server.key") };
const DAY_MS = 86_400_000;

/** The end that comes first, of the server's certificate and its authority's. */
const ENDS_AT = Math.min(...[IDENTITY.cert, CA].map((text) => Date.parse(new X509Certificate(text).validTo)));

async function withTarget(
  tls: TargetTls,
  body: (prober: Prober, target: Target) => Promise<void>,
  { server = {}, reuse = true }: { server?: ServerOptions; reuse?: boolean } = {},
): Promise<void> {
  const target = await Target.start(createServer({ ...IDENTITY, ...server }, (_, response) => void response.end("OK")));
  const prober = openTarget(`https://127.0.0.1:${target.port}/`, systemDeps(), { tls, reuse });
  try {
    await body(prober, target);
  } finally {
    prober.close();
    await target.disconnected();
    await target.stop();
  }
}

test("a target with a trusted authority passes, on one connection, and the expiry of its certificate is reported [A126]", () =>
  withTarget({ ca: CA }, async (prober, target) => {
    for (let round = 0; round < 3; round += 1)
      assert.deepEqual(await probe(prober), { outcome: "pass", certificateEndsAt: ENDS_AT });
    assert.equal(target.accepted, 1);
  }));

test("with reuse: false, every probe makes a new handshake and sees a replaced certificate", () =>
  withTarget(
    { ca: CA },
    async (prober, target) => {
      for (let round = 1; round <= 3; round += 1) {
        assert.equal(await verdict(prober), "pass");
        await target.disconnected();
        assert.equal(target.accepted, round);
      }
    },
    { reuse: false },
  ));

for (const [label, tls, expected] of [
  ["an authority that is not the target's", { ca: fixture("other-ca.crt") }, "fail tls-untrusted"],
  ["another name", { ca: CA, serverName: "elsewhere.example" }, "fail tls-name"],
  ["a name of the certificate's", { ca: CA, serverName: "localhost" }, "pass"],
  ["no verification", { verify: false }, "pass"],
] as const)
  test(`with ${label}: ${expected} [A126]`, () =>
    withTarget(tls, async (prober) => assert.equal(await verdict(prober), expected)));

test("a target that asks for a certificate gets the configured one, and fails without one", async () => {
  const server = { requestCert: true, rejectUnauthorized: true, ca: CA };
  const ours = { cert: fixture("client.crt"), key: fixture("client.key") };
  await withTarget({ ca: CA, ...ours }, async (prober) => assert.equal(await verdict(prober), "pass"), { server });
  await withTarget({ ca: CA }, async (prober) => assert.equal(await verdict(prober), "fail auth"), {
    server,
  });
});

test("a target gets the whole configured chain, also a certificate after a comment in its line", async () => {
  const cert = `${fixture("client.crt").trimEnd()}\n# the CA: ${CA}`;
  const server = createServer({ ...IDENTITY, requestCert: true, rejectUnauthorized: false }, (_, response) => {
    response.end("OK");
  });
  const issuers: (string | undefined)[] = [];
  server.on("secureConnection", (socket) => {
    issuers.push(socket.getPeerX509Certificate()?.issuerCertificate?.fingerprint256);
  });
  const target = await Target.start(server);
  // with `ca`, OpenSSL would take the rest of the chain from there
  const tls = { verify: false, warnBefore: 0, cert, key: fixture("client.key") };
  const prober = openTarget(`https://127.0.0.1:${target.port}/`, systemDeps(), { tls });
  assert.equal(await verdict(prober), "pass");
  prober.close();
  await target.stop();
  assert.deepEqual(issuers, [new X509Certificate(CA).fingerprint256]);
});

test("a certificate that expires within warnBefore is a warning with the days left; warnBefore 0 never warns", async () => {
  const days = Math.floor((ENDS_AT - Date.now()) / DAY_MS);
  await withTarget({ ca: CA, warnBefore: (days + 2) * DAY_MS }, async (prober) => {
    const { outcome, reason, detail, certificateEndsAt } = await probe(prober);
    assert.deepEqual([outcome, reason, certificateEndsAt], ["warn", "tls-ending", ENDS_AT]);
    assert.match(detail ?? "", /^the certificate ends in \d+ days$/);
  });
  await withTarget({ ca: CA, warnBefore: 0 }, async (prober) => assert.equal(await verdict(prober), "pass"));
});

test("an expired certificate with verify: false is a warning too, but not with warnBefore 0", () => {
  const ended = { certificateEndsAt: 1_000 };
  assert.deepEqual(withCertificate(PASS, 1_000, 5_000, 0), { outcome: "pass", ...ended });
  const { outcome, detail } = withCertificate(PASS, 1_000, 5_000);
  assert.deepEqual([outcome, detail], ["warn", "the certificate ends in 0 days"]);
});

test("a certificate or key that cannot be read is refused when the check is declared", () => {
  for (const tls of [{ ca: "nonsense" }, { cert: IDENTITY.cert, key: fixture("client.key") }, { cert: "x", key: "y" }])
    assert.throws(
      () => openTarget("https://127.0.0.1:1/", systemDeps(), { tls }),
      (error) => error instanceof HealthError && error.code === "TLS_FAILED",
    );
});

test("grpcs asks for HTTP/2 by ALPN: a target that does not offer it fails with that reason [A126]", async () => {
  const answers: readonly (readonly [label: string, protocols: string[] | undefined, expected: RegExp])[] = [
    [
      "no ALPN",
      undefined,
      /^fail protocol: the target violates HTTP\/2: it does not offer HTTP\/2 over TLS \(ALPN h2\)$/,
    ],
    ["HTTP/1.1 alone", ["http/1.1"], /^fail (tls|reset|closed): /],
  ];
  for (const [label, ALPNProtocols, expected] of answers) {
    const server = createTls({ ...IDENTITY, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) }, (socket) => {
      socket.on("error", () => {}).on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    const target = await Target.start(server);
    const prober = openTarget(`grpcs://127.0.0.1:${target.port}`, systemDeps(), { tls: { ca: CA } });
    const { outcome, reason, detail } = await probe(prober);
    assert.match(`${outcome} ${reason}: ${detail}`, expected, label);
    await target.disconnected();
    prober.close();
    await target.stop();
  }
});
