/** The TLS certificate and key of a listener: validation, and what clients are offered. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { createSecureContext } from "node:tls";
import { HealthError } from "../../src/core/health-error.js";
import { type TlsIdentity, tlsServerOptions } from "../../src/listener/tls.js";
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
  test("offers both protocols by ALPN, and limits a handshake to ten seconds", () => {
    const { ALPNProtocols, handshakeTimeout } = tlsServerOptions({ cert, key });
    assert.deepEqual([ALPNProtocols, handshakeTimeout], [["h2", "http/1.1"], 10_000]);
  });

  test("allows TLS 1.2 and 1.3, or 1.3 alone", () => {
    const versions = (minVersion?: TlsIdentity["minVersion"]) => {
      const options = tlsServerOptions({ cert, key, minVersion });
      return [options.minVersion, options.maxVersion];
    };
    assert.deepEqual(versions(), ["TLSv1.2", "TLSv1.3"]);
    for (const version of ["1.2", 1.2]) assert.deepEqual(versions(version), ["TLSv1.2", "TLSv1.3"]);
    for (const version of ["1.3", 1.3]) assert.deepEqual(versions(version), ["TLSv1.3", "TLSv1.3"]);
    for (const version of ["1.1", 1, "TLSv1.2", "", 13])
      assert.throws(() => versions(version), {
        code: "INVALID_OPTION",
        message: /^tls\.minVersion must be 1\.2 or 1\.3; got/,
      });
  });

  test("has only ciphers with forward secrecy and authenticated encryption", () => {
    for (const cipher of tlsServerOptions({ cert, key }).ciphers?.split(":") ?? [""])
      assert.match(cipher, /^(?:TLS|ECDHE-(?:RSA|ECDSA))[-_].*(?:GCM|POLY1305)/);
  });

  test("takes no option of another name: with `clientCA`, any client could connect", () => {
    const loose: object = { cert, key, clientCA: pem("ca.crt") };
    assert.throws(() => tlsServerOptions({ cert, key, ...loose }), {
      code: "INVALID_OPTION",
      message: '"clientCA" is not an option of tls; did you mean clientCa?',
    });
  });

  test("with a client CA, asks for certificates, and refuses clients without one", () => {
    const { ca, requestCert, rejectUnauthorized } = tlsServerOptions({ cert, key, clientCa: pem("ca.crt") });
    assert.deepEqual([ca, requestCert, rejectUnauthorized], [pem("ca.crt"), true, true]);
  });

  const bundles: readonly (readonly [how: string, text: string])[] = [
    ["no line break between two", pem("ca.crt").trimEnd() + pem("other-ca.crt")],
    ["a comment before one", `${pem("ca.crt")}# the next one: ${pem("other-ca.crt")}`],
    ["Windows' line breaks", (pem("ca.crt") + pem("other-ca.crt")).replaceAll("\n", "\r\n")],
  ];
  for (const [how, text] of bundles)
    test(`trusts every certificate of a bundle with ${how}`, () => {
      assert.equal(tlsServerOptions({ cert, key, clientCa: text }).ca, pem("ca.crt") + pem("other-ca.crt"));
    });

  test("sends every certificate of a chain, also after a comment in its line", () => {
    const chain = `${cert}# the CA: ${pem("ca.crt")}`;
    assert.equal(tlsServerOptions({ cert: chain, key }).cert, cert + pem("ca.crt"));
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
