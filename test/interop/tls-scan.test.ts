/** What sslscan finds of a TLS listener is the policy of docs/tls.md. `npm run proof -- tls` runs testssl.sh as well. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { sslscan } from "./tls-scan.js";

const folder = mkdtempSync(join(tmpdir(), "healthbridge-tls-scan-"));
const KEYS = { ECDSA: ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], RSA: ["rsa:2048"] } as const;

describe("a TLS listener, scanned by sslscan", () => {
  before(() => {
    for (const [kind, options] of Object.entries(KEYS)) {
      const out = ["-keyout", join(folder, `${kind}.key`), "-out", join(folder, `${kind}.crt`), "-days", "9"];
      execFileSync("openssl", ["req", "-x509", "-newkey", ...options, "-nodes", "-subj", "/CN=a", ...out], {
        stdio: "ignore",
      });
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [engine, kind] of [
    ["native", "ECDSA"],
    ["native", "RSA"],
    ["grpc-js", "ECDSA"],
  ] as const)
    test(`speaks TLS by the policy alone, with engine ${engine} and a key of ${kind}`, async (t) => {
      const pair = ["--tls-cert", join(folder, `${kind}.crt`), "--tls-key", join(folder, `${kind}.key`)];
      const daemon = await DaemonProcess.serve("--listen", "127.0.0.1:0", "--engine", engine, ...pair);
      t.after(() => daemon.kill());
      const { groups, ...scan } = await sslscan(daemon.port);
      assert.deepEqual(scan, {
        protocols: ["tls 1.2", "tls 1.3"],
        ciphers: [
          ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].map(
            (cipher) => `TLSv1.3 ${cipher}`,
          ),
          ...["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map(
            (cipher) => `TLSv1.2 ECDHE-${kind}-${cipher}`,
          ),
        ],
        renegotiates: false,
        compresses: false,
        heartbleed: false,
      });
      const modern = groups.filter((group) => group.startsWith("TLSv1.3"));
      assert.deepEqual(
        modern.sort(),
        ["secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)", "x25519"].map((group) => `TLSv1.3 ${group}`),
      );
    });
});
