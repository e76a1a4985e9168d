/**
 * Dialogues and `startTls` with real servers: each of them passes, and each fault has its reason.
 *
 *     plain         OpenSSH, Dropbear, memcached, NATS, Redis, Sentinel
 *     on request    Exim, Dovecot, vsftpd, OpenLDAP: with a good certificate, with an expired one, and without TLS
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { certify, createSubject } from "../support/certificates.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import {
  DIALOGUES,
  type DialogueServer,
  installServers,
  type Place,
  START_TLS_SERVERS,
  type StartTlsServer,
} from "./dialogue-servers.js";
import { accepting, type Running } from "./peers.js";

const authority = createSubject("authority");
const server = createSubject("server");
const CA = certify(authority);
const OTHER_CA = certify(createSubject("another authority"));
const HOSTS = ["localhost", "127.0.0.1"];

const folder = mkdtempSync(join(tmpdir(), "healthbridge-dialogues-"));
const running: Running[] = [];
const held: Socket[] = [];

/** What is running, by name. */
const servers = new Map<string, { readonly program: Running; readonly port: number }>();

function writeCertificate(name: string, days: { readonly startsInDays: number; readonly endsInDays: number }) {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, "server.key")];
  writeFileSync(cert, certify(server, { issuer: authority, hosts: HOSTS, ...days }));
  writeFileSync(key, server.key);
  chmodSync(key, 0o644); // of a test, and servers read it as different users
  return { cert, key };
}

/** Starts a server under a name. */
async function start(name: string, { start: run }: DialogueServer | StartTlsServer, rest: Partial<Place> = {}) {
  const place = { folder: join(folder, name.replaceAll(/\W+/g, "-")), port: await freePort(), ...rest };
  mkdirSync(place.folder);
  const program = await run(place);
  running.push(program);
  servers.set(name, { program, port: place.port });
  await accepting(place.port, 30_000).catch(() =>
    assert.fail(`${name} does not accept connections: ${program.output}`),
  );
}

const portOf = (name: string): number => servers.get(name)?.port ?? assert.fail(name);

async function resultOf(name: string, options: ProberOptions, timeoutMs?: number): Promise<ProbeResult> {
  const prober = openTarget(`tcp://127.0.0.1:${portOf(name)}`, systemDeps(), options);
  try {
    return await probe(prober, timeoutMs);
  } finally {
    prober.close();
  }
}

const verdictOf = ({ outcome, reason }: ProbeResult) => (reason === undefined ? outcome : `${outcome} ${reason}`);

/** The processes of a server that was killed end one after the other. */
function isRefused(name: string, options: ProberOptions): Promise<void> {
  const isDead = async () => verdictOf(await resultOf(name, options)) === "fail refused";
  return eventually(isDead, `${name} is refused`);
}

/** Takes a connection. A server accepts them in their order. */
function hold(name: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(portOf(name), "127.0.0.1");
    held.push(
      socket
        .on("error", () => {})
        .once("connect", resolve)
        .resume(),
    );
  });
}

const PLAIN = Object.entries<DialogueServer>(DIALOGUES);
const ON_REQUEST = Object.entries<StartTlsServer>(START_TLS_SERVERS);

before(async () => {
  process.setMaxListeners(100); // each program has one
  installServers();
  chmodSync(folder, 0o755);
  const good = writeCertificate("good", { startsInDays: -1, endsInDays: 90 });
  const expired = writeCertificate("expired", { startsInDays: -30, endsInDays: -2 });
  const { Sentinel, ...others } = DIALOGUES;
  const { OpenSSH, memcached, NATS, Redis } = others;
  const { Exim, vsftpd } = START_TLS_SERVERS;
  await Promise.all([
    ...Object.entries(others).map(([name, row]) => start(name, row)),
    ...ON_REQUEST.flatMap(([name, row]) => [
      start(name, row, { certificate: good }),
      start(`${name}, expired`, row, { certificate: expired }),
      start(`${name}, no TLS`, row),
    ]),
    start("OpenSSH, full", OpenSSH, { more: ["MaxStartups 1"] }),
    start("Exim, full", Exim, { certificate: good, more: ["smtp_accept_max = 1"] }),
    start("Exim, closed", Exim, { certificate: good, more: ["host_reject_connection = *"] }),
    start("vsftpd, full", vsftpd, { certificate: good, more: ["max_clients=1"] }),
    start("memcached, full", memcached, { more: ["-t", "1", "-c", "40"] }),
    start("NATS, locked", NATS, { more: ['authorization { user: "me", password: "secret" }'] }),
    start("Redis, locked", Redis, { more: ["--requirepass", "secret"] }),
  ]);
  const monitor = (quorum: number) => [`sentinel monitor main 127.0.0.1 ${portOf("Redis, locked")} ${quorum}`];
  await Promise.all([
    start("Sentinel", Sentinel, { more: monitor(1) }),
    start("Sentinel, alone", Sentinel, { more: monitor(2) }),
  ]);
});

after(async () => {
  for (const socket of held) socket.destroy();
  await Promise.all(running.map((program) => program.stop()));
  rmSync(folder, { recursive: true });
});

describe("a dialogue", () => {
  for (const [name, { dialogue }] of PLAIN)
    test(`${name} passes; frozen it is a timeout, dead it is refused`, async () => {
      const { program } = servers.get(name) ?? assert.fail();
      const first = await resultOf(name, { dialogue });
      assert.equal(verdictOf(first), "pass", first.detail);
      await program.freeze();
      const frozen = await resultOf(name, { dialogue }, 300);
      assert.equal(verdictOf(frozen), "fail timeout", frozen.detail);
      assert.match(frozen.detail ?? "", /^step 1: expected .*, got nothing$/);
      program.signal("SIGCONT");
      assert.equal(verdictOf(await resultOf(name, { dialogue })), "pass");
      await program.stop();
      await isRefused(name, { dialogue });
    });
});

/** Options of TLS, and the verdict, for a server with a good certificate. */
const TLS_ROWS: readonly (readonly [label: string, tls: NonNullable<ProberOptions["tls"]>, verdict: string])[] = [
  ["the right authority", { ca: CA }, "pass"],
  ["another authority", { ca: OTHER_CA }, "fail tls-untrusted"],
  ["no authority of its own", {}, "fail tls-untrusted"],
  ["a name that the certificate does not have", { ca: CA, serverName: "other.test" }, "fail tls-name"],
  ["a name that the certificate has", { ca: CA, serverName: "localhost" }, "pass"],
  ["no verification", { ca: OTHER_CA, serverName: "other.test", verify: false }, "pass"],
  ["a certificate that ends within warnBefore", { ca: CA, warnBefore: 8_640_000_000 }, "warn tls-ending"],
];

for (const [name, { protocol, inside, noCommonVersion = "tls" }] of ON_REQUEST)
  describe(`startTls ${protocol} with ${name}`, () => {
    const startTls: readonly DialogueStep[] = [{ startTls: protocol }];
    const dialogue = [...startTls, ...inside];

    for (const [label, tls, expected] of TLS_ROWS)
      test(`${label}: ${expected}`, async () => {
        const { detail, certificateEndsAt = 0, ...result } = await resultOf(name, { dialogue, tls });
        assert.equal(verdictOf(result), expected, detail);
        const days = (certificateEndsAt - Date.now()) / 86_400_000;
        if (result.outcome !== "fail") assert.ok(days > 89 && days < 90, `the days that are left: ${days}`);
      });

    test("without further steps: pass", async () => {
      const result = await resultOf(name, { dialogue: startTls, tls: { ca: CA } });
      assert.equal(verdictOf(result), "pass", result.detail);
    });

    test(`no common version of TLS: fail ${noCommonVersion}`, async () => {
      const tls = { ca: CA, minVersion: "1.0", maxVersion: "1.1" } as const;
      const result = await resultOf(name, { dialogue, tls });
      assert.equal(verdictOf(result), `fail ${noCommonVersion}`, result.detail);
      assert.match(result.detail ?? "", /version|handshake/);
    });

    test("an expired certificate: fail tls-expired", async () => {
      const result = await resultOf(`${name}, expired`, { dialogue, tls: { ca: CA } });
      assert.equal(verdictOf(result), "fail tls-expired", result.detail);
    });

    test("a server without TLS: fail answer, with its words", async () => {
      const result = await resultOf(`${name}, no TLS`, { dialogue, tls: { ca: CA } });
      assert.equal(verdictOf(result), "fail answer", result.detail);
      assert.match(result.detail ?? "", new RegExp(`^startTls ${protocol}: .{10}`));
    });

    test("frozen: fail timeout; dead: fail refused", async () => {
      const { program } = servers.get(`${name}, no TLS`) ?? assert.fail();
      await program.freeze();
      const frozen = await resultOf(`${name}, no TLS`, { dialogue, tls: { ca: CA } }, 300);
      assert.equal(verdictOf(frozen), "fail timeout", frozen.detail);
      await program.stop();
      await isRefused(`${name}, no TLS`, { dialogue, tls: { ca: CA } });
    });
  });

/** What a server answers instead of a service. `held`: connections that it has already. */
const REFUSALS: readonly (readonly [
  name: string,
  held: number,
  options: ProberOptions,
  verdict: string,
  detail: RegExp,
])[] = [
  ["OpenSSH, full", 1, DIALOGUES.OpenSSH, "fail closed", /Exceeded MaxStartups/],
  ["memcached, full", 40, DIALOGUES.memcached, "fail closed", /Too many open connections/],
  ["NATS, locked", 0, DIALOGUES.NATS, "fail closed", /Authorization/],
  ["Redis, locked", 0, DIALOGUES.Redis, "fail timeout", /NOAUTH/],
  ["Sentinel, alone", 0, DIALOGUES.Sentinel, "fail timeout", /NOQUORUM/],
  ["Exim, full", 1, { dialogue: [{ startTls: "smtp" }] }, "fail unavailable", /421 /],
  ["Exim, closed", 0, { dialogue: [{ startTls: "smtp" }] }, "fail answer", /554 /],
  ["vsftpd, full", 1, { dialogue: [{ startTls: "ftp" }] }, "fail unavailable", /421 /],
  ["Dovecot IMAP", 0, { dialogue: [{ startTls: "smtp" }] }, "fail protocol", /Dovecot/],
  ["Exim", 0, { dialogue: [{ startTls: "imap" }] }, "fail protocol", /Exim/],
  ["vsftpd", 0, { dialogue: [{ startTls: "pop3" }] }, "fail protocol", /vsFTPd/],
  ["Exim", 0, { dialogue: [{ startTls: "mysql" }] }, "fail protocol", /./],
  ["OpenLDAP", 0, { dialogue: [{ startTls: "postgres" }] }, "fail closed", /got nothing/],
];

describe("a server answers something else", () => {
  for (const [name, count, { dialogue = [] }, expected, text] of REFUSALS)
    test(`${name}, ${JSON.stringify(dialogue)}: ${expected}`, async () => {
      for (let number = 0; number < count; number += 1) await hold(name);
      const result = await resultOf(name, { dialogue }, expected.endsWith("timeout") ? 1_000 : undefined);
      assert.equal(verdictOf(result), expected, result.detail);
      assert.match(result.detail ?? "", text);
    });
});
