/** The TLS options of targets, with real chains: which certificates count, what is trusted, and which versions are spoken. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTls, type TlsOptions } from "node:tls";
import { SystemAuthorities } from "../../src/client/authorities.js";
import { HealthError } from "../../src/core/health-error.js";
import type { ProberDeps, ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { certify, createSubject } from "../support/certificates.js";
import { probe, verdict } from "./probing.js";
import { Target } from "./targets.js";

const DAY_MS = 86_400_000;
const [ROOT, OLD_ROOT, INTERMEDIATE, SERVER, CLIENT] = [
  createSubject("Root"),
  createSubject("Old Root"),
  createSubject("Intermediate"),
  createSubject("server"),
  createSubject("client"),
];
const HOSTS = ["localhost", "127.0.0.1"];
const EXPIRED = { startsInDays: -400, endsInDays: -30 };
const root = certify(ROOT, { endsInDays: 4_000 });
const oldRoot = certify(OLD_ROOT, { endsInDays: 3_000 });
const intermediate = certify(INTERMEDIATE, { issuer: ROOT, endsInDays: 1_000 });
const leaf = certify(SERVER, { issuer: INTERMEDIATE, hosts: HOSTS, endsInDays: 300 });

async function serve(t: TestContext, options: TlsOptions): Promise<Target> {
  const server = createTls({ key: SERVER.key, ...options }, (socket) => void socket.on("error", () => {}).resume());
  const target = await Target.start(server.on("tlsClientError", () => {}));
  t.after(() => target.stop());
  return target;
}

function open(t: TestContext, url: string, options: ProberOptions, deps: Partial<ProberDeps> = {}) {
  const prober = openTarget(url, { ...systemDeps(), ...deps }, options);
  t.after(() => prober.close());
  return prober;
}

const daysUntil = (time: number | undefined) => Math.round(((time ?? Number.NaN) - Date.now()) / DAY_MS);

/** What the target sends after its leaf, what is trusted, and the days that are left. */
const CHAINS: readonly (readonly [label: string, sent: string, ca: string, days: number])[] = [
  ["a chain alone", intermediate, root, 300],
  ["an expired cross-signed root", intermediate + certify(ROOT, { issuer: OLD_ROOT, ...EXPIRED }), root, 300],
  [
    "an expired cross-signed root and its expired authority",
    intermediate + certify(ROOT, { issuer: OLD_ROOT, ...EXPIRED }) + certify(OLD_ROOT, EXPIRED),
    root,
    300,
  ],
  ["a cross-signed root that ends soon", intermediate + certify(ROOT, { issuer: OLD_ROOT, endsInDays: 5 }), root, 300],
  [
    "a cross-signed root that is the way to the authority",
    intermediate + certify(ROOT, { issuer: OLD_ROOT, endsInDays: 5 }),
    oldRoot,
    5,
  ],
  ["an expired certificate of no use", intermediate + certify(createSubject("Other"), EXPIRED), root, 300],
  [
    "an expired intermediate beside a valid one that ends first",
    certify(INTERMEDIATE, { issuer: ROOT, ...EXPIRED }) + certify(INTERMEDIATE, { issuer: ROOT, endsInDays: 20 }),
    root,
    20,
  ],
  ["an intermediate that ends first", certify(INTERMEDIATE, { issuer: ROOT, endsInDays: 20 }), root, 20],
  ["a trusted root that ends first", intermediate, certify(ROOT, { endsInDays: 7 }), 7],
  ["no intermediate, which is the authority itself", "", intermediate, 300],
];
for (const [label, sent, ca, days] of CHAINS)
  test(`with ${label}, the first end in the verified path counts`, async (t) => {
    const target = await serve(t, { cert: leaf + sent });
    const prober = open(t, `tls://127.0.0.1:${target.port}`, { tls: { ca, warnBefore: 0 } });
    for (let round = 0; round < 2; round += 1) {
      const { outcome, certificateEndsAt, detail } = await probe(prober);
      assert.deepEqual([outcome, daysUntil(certificateEndsAt), detail], ["pass", days, undefined]);
    }
  });

test("without verification, the target's own certificate counts", async (t) => {
  const target = await serve(t, { cert: leaf + certify(INTERMEDIATE, { issuer: ROOT, ...EXPIRED }) });
  const { outcome, certificateEndsAt } = await probe(
    open(t, `tls://127.0.0.1:${target.port}`, { tls: { verify: false } }),
  );
  assert.deepEqual([outcome, daysUntil(certificateEndsAt)], ["pass", 300]);
});

for (const [label, sent, ca, expected] of [
  ["an intermediate", intermediate, intermediate, "pass"],
  ["an intermediate that the target does not send", "", intermediate, "pass"],
  ["the target's own certificate", intermediate, leaf, "pass"],
  [
    "the target's own certificate of another time",
    "",
    certify(SERVER, { issuer: ROOT, hosts: HOSTS }),
    "fail tls-untrusted",
  ],
  ["another intermediate of that name", intermediate, certify(createSubject("Intermediate")), "fail tls-untrusted"],
  ["a bundle with text and CRLF", "", `a comment\n${root}and ${intermediate.replaceAll("\n", "\r\n")}`, "pass"],
] as const)
  test(`with ${label} as the only trusted certificate: ${expected}`, async (t) => {
    const target = await serve(t, { cert: leaf + sent });
    const tls = { ca };
    for (const scheme of ["tls", "https", "rediss", "grpcs"]) {
      const prober = open(t, `${scheme}://127.0.0.1:${target.port}`, {
        tls,
        reuse: scheme === "tls" ? undefined : false,
      });
      if (scheme === "tls") assert.equal(await verdict(prober), expected);
      else if (expected !== "pass") assert.equal(await verdict(prober), expected, scheme);
    }
  });

test("an own certificate as the trusted one must have the name and the time", async (t) => {
  const target = await serve(t, { cert: certify(SERVER, { hosts: ["elsewhere.example"] }) });
  const other = certify(SERVER, { hosts: ["elsewhere.example"] });
  const expired = certify(SERVER, { hosts: HOSTS, ...EXPIRED });
  const old = await serve(t, { cert: expired });
  for (const [{ port }, ca, expected] of [
    [target, other, "fail tls-untrusted"],
    [old, expired, "fail tls-expired"],
  ] as const)
    assert.equal(await verdict(open(t, `tls://127.0.0.1:${port}`, { tls: { ca } })), expected);
  const same = certify(SERVER, { hosts: ["elsewhere.example"] });
  const named = await serve(t, { cert: same });
  assert.equal(await verdict(open(t, `tls://127.0.0.1:${named.port}`, { tls: { ca: same } })), "fail tls-name");
});

test("the name is compared without a dot at its end, and an address is not sent as a server name", async (t) => {
  const target = await serve(t, { cert: leaf + intermediate });
  for (const serverName of ["localhost", "localhost.", "127.0.0.1"])
    assert.equal(
      await verdict(open(t, `tls://127.0.0.1:${target.port}`, { tls: { ca: root, serverName } })),
      "pass",
      serverName,
    );
});

test("minVersion and maxVersion limit the versions, as numbers and as text", async (t) => {
  const old = await serve(t, { cert: leaf + intermediate, maxVersion: "TLSv1.2" });
  const oldest = await serve(t, {
    ...{ cert: leaf + intermediate, minVersion: "TLSv1", maxVersion: "TLSv1.1" },
    ciphers: "DEFAULT:@SECLEVEL=0",
  });
  const current = await serve(t, { cert: leaf + intermediate, minVersion: "TLSv1.3" });
  const of = async ({ port }: Target, versions: { minVersion?: number | string; maxVersion?: number | string }) =>
    verdict(open(t, `tls://127.0.0.1:${port}`, { tls: { ca: root, ...versions } }));
  assert.equal(await of(old, {}), "pass");
  assert.equal(await of(old, { minVersion: 1.2, maxVersion: "1.2" }), "pass");
  assert.equal(await of(old, { minVersion: "1.3" }), "fail tls");
  assert.equal(await of(old, { minVersion: 1.3 }), "fail tls");
  assert.equal(await of(current, { maxVersion: 1.2 }), "fail tls");
  assert.equal(await of(oldest, {}), "fail tls");
  assert.equal(await of(oldest, { minVersion: 1 }), "pass");
  assert.equal(await of(oldest, { minVersion: "1.1", maxVersion: 1.1 }), "pass");
});

test("versions that cannot be obeyed are refused when the check is declared", () => {
  for (const tls of [
    { minVersion: "1.4" },
    { minVersion: "TLSv1.2" },
    { maxVersion: 2 },
    { maxVersion: "1.1" },
    { minVersion: 1.3, maxVersion: 1.2 },
  ])
    for (const url of ["tls://h:1", "https://h", "grpcs://h:1", "rediss://h", "amqps://h"])
      assert.throws(
        () => openTarget(url, systemDeps(), { tls }),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && /Version/.test(error.message),
        `${url} ${JSON.stringify(tls)}`,
      );
});

test("expect.minVersion of tls passes with the version or a later one", async (t) => {
  const old = await serve(t, { cert: leaf + intermediate, maxVersion: "TLSv1.2" });
  const url = `tls://127.0.0.1:${old.port}`;
  const tls = { ca: root };
  assert.equal(await verdict(open(t, url, { tls, expect: { minVersion: 1.2 } })), "pass");
  const { outcome, reason, detail } = await probe(open(t, url, { tls, expect: { minVersion: "1.3" } }));
  assert.deepEqual(
    [outcome, reason, detail],
    ["fail", "tls-version", "the target speaks TLSv1.2, expected TLS 1.3 or later"],
  );
  for (const [target, expect] of [
    [url, { status: [200] }],
    [url, { minVersion: 3 }],
    ["https://h", { minVersion: 1.3 }],
  ] as const)
    assert.throws(() => openTarget(target, systemDeps(), { expect }), HealthError);
});

test("a client certificate without its key, or a key alone, is refused when the check is declared", () => {
  const cert = certify(CLIENT);
  for (const url of ["https://h/", "grpcs://h:1", "tls://h:1", "rediss://h:1", "postgres://u:p@h/d", "wss://h/"]) {
    const open = (tls: ProberOptions["tls"]) => () => openTarget(url, systemDeps(), { tls });
    assert.throws(open({ cert }), /^HealthError: .*tls\.key is required beside tls\.cert/s, url);
    assert.throws(open({ cert: "no PEM" }), /tls\.key is required beside tls\.cert/, url);
    assert.throws(open({ key: CLIENT.key }), /tls\.cert is required beside tls\.key/, url);
  }
});

test("TLS options of a scheme that is not encrypted are refused", () => {
  for (const url of ["http://h", "redis://h", "amqp://h", "grpc://h:1", "flower+http://h", "tcp://h:1"])
    assert.throws(
      () => openTarget(url, systemDeps(), { tls: { verify: false } }),
      /tls (?:is not an option|has no effect)/,
      url,
    );
});

test("a target that refuses the client certificate after the handshake fails in every scheme", async (t) => {
  const trusted = createSubject("Client CA");
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: certify(trusted) };
  const stranger = { cert: certify(CLIENT), key: CLIENT.key };
  const known = { cert: certify(CLIENT, { issuer: trusted, isAuthority: false }), key: CLIENT.key };
  const options = { key: SERVER.key, cert: leaf + intermediate, ...mutual };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const limits = { minVersion: version, maxVersion: version };
    const raw = await serve(t, { ...options, ...limits });
    const https = await Target.start(createHttps({ ...options, ...limits }, (_, response) => void response.end("OK")));
    t.after(() => https.stop());
    const of = async (scheme: string, { port }: Target, own: object) =>
      verdict(open(t, `${scheme}://127.0.0.1:${port}/`, { tls: { ca: root, ...own } }));
    assert.equal(await of("tls", raw, known), "pass", version);
    assert.equal(await of("https", https, known), "pass", version);
    for (const own of [{}, stranger]) {
      assert.match(await of("tls", raw, own), /^fail (?:auth|tls|closed|reset)$/, version);
      for (const scheme of ["https", "rediss", "amqps", "grpcs"])
        assert.match(await of(scheme, https, own), /^fail (?:auth|tls|closed|reset)$/, `${version} ${scheme}`);
    }
    if (version === "TLSv1.3") assert.equal(await of("tls", raw, {}), "fail auth");
  }
});

test("the system's authorities are trusted with ca: system, and those of SSL_CERT_FILE and SSL_CERT_DIR always", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-authorities-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "bundle.pem");
  writeFileSync(file, oldRoot + root);
  mkdirSync(join(folder, "more"));
  writeFileSync(join(folder, "more", "5d3033c5.0"), root);
  writeFileSync(join(folder, "more", "README"), "nothing");
  const target = await serve(t, { cert: leaf + intermediate });
  const of = (environment: Readonly<Record<string, string>>, tls: ProberOptions["tls"]) =>
    verdict(open(t, `tls://127.0.0.1:${target.port}`, { tls }, { authorities: new SystemAuthorities(environment) }));
  for (const environment of [
    { SSL_CERT_FILE: file },
    { SSL_CERT_DIR: join(folder, "more") },
    { SSL_CERT_DIR: `${folder}:${join(folder, "more")}` },
  ]) {
    assert.equal(await of(environment, { ca: "system" }), "pass", JSON.stringify(environment));
    assert.equal(await of(environment, undefined), "pass", JSON.stringify(environment));
    assert.equal(await of(environment, { ca: oldRoot }), "fail tls-untrusted", JSON.stringify(environment));
  }
  assert.equal(await of({}, undefined), "fail tls-untrusted");
  for (const missing of [{ SSL_CERT_FILE: `${file}.gone` }, { SSL_CERT_FILE: folder }, { SSL_CERT_DIR: file }])
    for (const tls of [undefined, { ca: "system" }])
      await assert.rejects(async () => of(missing, tls), /SSL_CERT_(?:FILE|DIR) names/);
});
