/** The server's own certificate: what is refused with which words, and the warnings about its time. Needs openssl. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { watchCertificate } from "../../src/daemon/certificate-watch.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { readValue } from "../support/exposition.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { faultsOf, read } from "./reading.js";

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), "healthbridge-certificate-"));
const path = (name: string) => join(folder, name);
const textOf = (name: string) => readFileSync(path(name), "utf8");
const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore", cwd: folder });
const write = (name: string, content: string | Buffer) => writeFileSync(path(name), content, { mode: 0o600 });
const tls = (cert: string, key: string) => `tls: { certFile: ${path(cert)}, keyFile: ${path(key)} }`;

function makeCertificates(): void {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["server", "other"])
    openssl(
      "req",
      "-x509",
      ...curve,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.crt`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "90",
    );
  openssl("req", "-new", "-key", "server.key", "-subj", "/CN=server", "-out", "server.csr");
  for (const [name, days] of [
    ["expired", "-1"],
    ["soon", "5"],
  ] as const)
    openssl("x509", "-req", "-in", "server.csr", "-signkey", "server.key", "-days", days, "-out", `${name}.crt`);
  openssl("x509", "-in", "server.crt", "-outform", "der", "-out", "der.crt");
  openssl("pkey", "-in", "server.key", "-outform", "der", "-out", "der.key");
  openssl("pkey", "-in", "server.key", "-pubout", "-out", "public.key");
  openssl("pkey", "-in", "server.key", "-aes256", "-passout", "pass:x", "-out", "pkcs8.key");
  openssl("ec", "-in", "server.key", "-aes256", "-passout", "pass:x", "-out", "legacy.key");
  write("empty", "");
  write("chain.crt", textOf("server.crt") + textOf("other.crt"));
  write("reversed.crt", textOf("other.crt") + textOf("server.crt"));
  write("ends.crt", textOf("server.crt") + textOf("expired.crt"));
  write("cut.crt", textOf("server.crt").slice(0, 200));
  write("cut-chain.crt", textOf("server.crt") + textOf("other.crt").slice(0, 200));
  write("windows.crt", `\ufeff${textOf("server.crt").replaceAll("\n", "\r\n")}`);
  write("windows.key", `\ufeff${textOf("server.key").replaceAll("\n", "\r\n")}`);
}

describe("the server's own certificate", { concurrency: 2 }, () => {
  before(makeCertificates);
  after(() => rmSync(folder, { recursive: true }));

  const refused: readonly (readonly [cert: string, key: string, RegExp])[] = [
    ["empty", "server.key", /^1:18: tls\.certFile: the certificate .*\/empty is empty$/],
    ["server.crt", "empty", /tls\.keyFile: the key .*\/empty is empty$/],
    ["server.key", "server.key", /tls\.certFile: the certificate .*server\.key has a private key, but no certificate$/],
    ["server.crt", "other.crt", /tls\.keyFile: the key .*other\.crt has a certificate, but no private key$/],
    [
      "server.csr",
      "server.key",
      /tls\.certFile: the certificate .*server\.csr has a certificate request, but no certificate$/,
    ],
    ["server.crt", "public.key", /tls\.keyFile: the key .*public\.key has a public key, but no private key$/],
    ["der.crt", "server.key", /tls\.certFile: the certificate .*der\.crt is in DER format; .*openssl x509 -inform der/],
    ["server.crt", "der.key", /tls\.keyFile: the key .*der\.key is in DER format; .*openssl pkey -inform der/],
    [
      "server.crt",
      "pkcs8.key",
      /tls\.keyFile: the key .*pkcs8\.key is encrypted, .*openssl pkey -in ENCRYPTED -out KEY$/,
    ],
    [
      "server.crt",
      "legacy.key",
      /tls\.keyFile: the key .*legacy\.key is encrypted, .*openssl pkey -in ENCRYPTED -out KEY$/,
    ],
    ["server.crt", "other.key", /tls: the key .*other\.key does not belong to the certificate .*server\.crt$/],
    [
      "reversed.crt",
      "server.key",
      /tls: the key .* belongs to certificate 2 of the chain in .*reversed\.crt; .* must be the first$/,
    ],
    ["cut.crt", "server.key", /tls\.certFile: the certificate .*cut\.crt cannot be read: /],
    ["cut-chain.crt", "server.key", /tls\.certFile: .*cut-chain\.crt: certificate 2 of the chain cannot be read: /],
  ];
  for (const [cert, key, expected] of refused)
    test(`${cert} with ${key} is refused; the error names the file [B95]`, () => {
      const faults = faultsOf(tls(cert, key));
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", expected);
    });

  test("a chain, and files of Windows with CRLF and a byte order mark, are accepted", () => {
    for (const [cert, key] of [
      ["chain.crt", "server.key"],
      ["windows.crt", "windows.key"],
    ] as const)
      assert.deepEqual(read(tls(cert, key)).warnings, []);
  });

  test("is a warning when it has expired or expires within 14 days, also in its chain", () => {
    assert.match(
      read(tls("expired.crt", "server.key")).warnings.join(),
      /^the certificate .*expired\.crt expired on .*Z: clients refuse it$/,
    );
    assert.match(
      read(tls("soon.crt", "server.key")).warnings.join(),
      /^the certificate .*soon\.crt expires in 4 days, on .*Z$/,
    );
    assert.match(
      read(tls("ends.crt", "server.key")).warnings.join(),
      /ends\.crt: certificate 2 of the chain expired on /,
    );
    assert.deepEqual(read(tls("server.crt", "server.key")).warnings, []);
  });

  test("is a warning once a day in a daemon that outlives it, and before it is valid", async () => {
    const cert = textOf("server.crt");
    const clock = new VirtualClock();
    clock.wallOffset = Date.now() - clock.wallTime();
    const warnings: string[] = [];
    const stop = watchCertificate({ cert, certFile: "c.pem" }, clock, (text) => warnings.push(text));
    await clock.advance(76 * DAY_MS - 60_000);
    assert.deepEqual(warnings, []);
    await clock.advance(DAY_MS);
    assert.match(warnings.join(), /^the certificate c\.pem expires in 13 days, on .*Z$/);
    await clock.advance(14 * DAY_MS);
    assert.equal(warnings.length, 15);
    assert.match(warnings.at(-1) ?? "", /^the certificate c\.pem expired on .*Z: clients refuse it$/);
    clock.wallOffset -= 400 * DAY_MS;
    await clock.advance(DAY_MS);
    assert.match(warnings.at(-1) ?? "", /^the certificate c\.pem is not valid before .*Z: clients refuse it$/);
    stop();
    await clock.advance(30 * DAY_MS);
    assert.equal(warnings.length, 16);
    assert.equal(clock.pendingTimers, 0);
  });

  test("is a warning in the log at start and at reload, and a metric; without TLS there is no metric", async (t) => {
    const file = path("healthbridge.yaml");
    writeFileSync(
      file,
      `listen: ["127.0.0.1:0", "plain://127.0.0.1:0"]\ndrainDelay: 0s\n${tls("soon.crt", "server.key")}\n`,
    );
    const daemon = await DaemonProcess.serve("-c", file);
    t.after(() => daemon.kill());
    const warnings = () =>
      daemon.log.filter(({ event, msg }) => event === "config-warning" && String(msg).includes("expires in 4 days"));
    assert.equal(warnings().length, 1);
    daemon.process.kill("SIGHUP");
    while (warnings().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const plain = daemon.addresses.at(-1);
    const page = await (await fetch(`http://${plain}/metrics`)).text();
    const endsAt = readValue(page, "healthbridge_certificate_expiry_timestamp_seconds", {});
    assert.ok(Math.abs((endsAt ?? 0) - (Date.now() / 1000 + 5 * 86_400)) < 600, `${endsAt}`);
    const without = await DaemonProcess.serve("--listen", "127.0.0.1:0", "--drain-delay", "0s");
    t.after(() => without.kill());
    const other = await (await fetch(`http://${without.addresses[0]}/metrics`)).text();
    assert.ok(!/^healthbridge_certificate_expiry/m.test(other));
  });
});
