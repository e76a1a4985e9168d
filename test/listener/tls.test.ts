/** The TLS certificate and key of a listener: validation, and what clients are offered. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { createSecureContext } from "node:tls";
import { HealthError } from "../../src/core/health-error.js";
import { tlsServerOptions } from "../../src/listener/tls.js";
import { pem } from "./fixtures.js";

const cert = pem("server.crt");
const key = pem("server.key");
const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/** A key with a passphrase. */
const encryptedKey = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" },
}).privateKey;

describe("a TLS identity", () => {
  test("offers both protocols by ALPN, from TLS 1.2 on, and limits a handshake to ten seconds", () => {
    assert.deepEqual(tlsServerOptions({ cert, key }), {
      cert,
      key,
      ALPNProtocols: ["h2", "http/1.1"],
      minVersion: "TLSv1.2",
      handshakeTimeout: 10_000,
    });
  });

  test("with a client CA, asks for certificates, and refuses clients without one", () => {
    const { ca, requestCert, rejectUnauthorized } = tlsServerOptions({ cert, key, clientCa: pem("ca.crt") });
    assert.deepEqual([ca, requestCert, rejectUnauthorized], [pem("ca.crt"), true, true]);
  });

  test("can be given as bytes", () => {
    assert.doesNotThrow(() => tlsServerOptions({ cert: Buffer.from(cert), key: Buffer.from(key) }));
  });

  test("can contain a chain", () => {
    const chain = cert + pem("ca.crt");
    assert.doesNotThrow(() => createSecureContext(tlsServerOptions({ cert: chain, key })));
  });

  const refused: readonly (readonly [string, Parameters<typeof tlsServerOptions>[0], RegExp])[] = [
    [
      "a key of another certificate",
      { cert, key: pem("client.key") },
      /^the TLS key does not belong to the TLS certificate$/,
    ],
    [
      "a file that is not a certificate",
      { cert: "garbage", key },
      /^the TLS certificate has no certificate in PEM format$/,
    ],
    ["an empty certificate", { cert: "", key }, /^the TLS certificate is empty$/],
    ["a certificate cut short", { cert: cert.slice(0, 200), key }, /^the TLS certificate cannot be read: ./],
    [
      "a key in the certificate's place",
      { cert: key, key },
      /^the TLS certificate has a private key, but no certificate$/,
    ],
    ["a file that is not a key", { cert, key: "garbage" }, /^the TLS key has no private key in PEM format$/],
    ["a certificate in the key's place", { cert, key: cert }, /^the TLS key has a certificate, but no private key$/],
    [
      "a key under a passphrase",
      { cert, key: encryptedKey },
      /^the TLS key is encrypted, .* decrypt it: openssl pkey /,
    ],
    [
      "a file that is not a client CA",
      { cert, key, clientCa: "garbage" },
      /^the TLS client CA has no certificate in PEM format$/,
    ],
    ["an empty client CA", { cert, key, clientCa: "" }, /^the TLS client CA is empty$/],
    [
      "a chain with a broken certificate",
      { cert: cert + BROKEN, key },
      /^the TLS certificate\b.* cannot be (?:read|used): ./,
    ],
  ];
  for (const [label, identity, message] of refused) {
    test(`with ${label} is refused [B95]`, () => {
      assert.throws(
        () => tlsServerOptions(identity),
        (error: unknown) => {
          assert.ok(error instanceof HealthError);
          assert.equal(error.code, "TLS_FAILED");
          assert.match(error.message, message);
          assert.ok(!error.message.includes("-----"), "no text of a key is echoed");
          return true;
        },
      );
    });
  }

  test("keeps the parser's error as the cause", () => {
    assert.throws(
      () => tlsServerOptions({ cert: cert.slice(0, 200), key }),
      (error: unknown) => error instanceof HealthError && error.cause instanceof Error,
    );
  });
});
