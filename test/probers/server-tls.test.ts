/** TLS of the schemes with a login, at servers that end with the handshake: expired, of another name, of another authority. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import type { TargetTls } from "../../src/probers/options.js";
import { openTarget } from "../../src/probers/schemes.js";
import { certify, createSubject } from "../support/certificates.js";
import { FAKE_SERVERS } from "./fake-servers.js";
import { probe } from "./probing.js";
import { Target } from "./targets.js";

const authority = createSubject("authority");
const server = createSubject("server");
const ca = certify(authority);
const hosts = ["db.test", "127.0.0.1"];
const good = certify(server, { issuer: authority, hosts });
const expired = certify(server, { issuer: authority, hosts, startsInDays: -9, endsInDays: -1 });
const early = certify(server, { issuer: authority, hosts, startsInDays: 1 });
const other = certify(server, { issuer: authority, hosts: ["other.test"] });

/** The greeting of MySQL with the capability of TLS (0x800, in the second byte of the flags). */
function mysqlGreeting(): Buffer {
  let greeting = Buffer.alloc(0);
  const write = (bytes: Buffer) => {
    greeting = Buffer.from(bytes);
  };
  FAKE_SERVERS.mysql({ write, on: () => {} } as unknown as Socket, () => false); // the part that it uses first
  const flags = 4 + 1 + "8.0.0\0".length + 4 + 9;
  greeting.writeUInt8(greeting.readUInt8(flags + 1) | 0x08, flags + 1);
  return greeting;
}

/** How each protocol comes to TLS: the bytes of the request for it, and what the server says before and after. */
const UPGRADES: Readonly<
  Record<string, { readonly greeting?: Buffer; readonly request?: number; readonly yes?: string }>
> = {
  rediss: {},
  amqps: {},
  postgres: { request: 8, yes: "S" },
  mysql: { greeting: mysqlGreeting(), request: 36 },
};

async function tlsTarget(scheme: string, cert: string): Promise<Target> {
  const { greeting, request, yes } = UPGRADES[scheme] ?? {};
  const secure = (socket: Socket) => {
    const tls = new TLSSocket(socket, { isServer: true, cert, key: server.key });
    tls.on("error", () => {});
    tls.resume();
  };
  return Target.start(
    createServer((socket) => {
      if (greeting !== undefined) socket.write(greeting);
      if (request === undefined) return secure(socket);
      socket.once("data", (bytes: Buffer) => {
        socket.pause();
        if (bytes.length > request) socket.unshift(bytes.subarray(request));
        if (yes !== undefined) socket.write(yes);
        secure(socket);
      });
    }),
  );
}

const ROWS: readonly (readonly [label: string, cert: string, tls: TargetTls, reason: string])[] = [
  ["an expired certificate", expired, { ca }, "tls-expired"],
  ["a certificate of the future", early, { ca }, "tls-expired"],
  ["a certificate for another name", other, { ca }, "tls-name"],
  ["a certificate that does not have serverName", good, { ca, serverName: "www.test" }, "tls-name"],
  ["an authority that is not trusted", good, {}, "tls-untrusted"],
  ["another authority", good, { ca: certify(createSubject("another")) }, "tls-untrusted"],
  ["no common version", good, { ca, minVersion: "1.0", maxVersion: "1.1" }, "tls"],
];

for (const scheme of Object.keys(UPGRADES))
  describe(`${scheme} refuses`, () => {
    for (const [label, cert, tls, expected] of ROWS)
      test(`${label}: ${expected}`, async () => {
        const target = await tlsTarget(scheme, cert);
        const prober = openTarget(`${scheme}://me:secret@127.0.0.1:${target.port}`, undefined, { tls });
        const { outcome, reason, detail = "" } = await probe(prober);
        assert.equal(`${outcome} ${reason}`, `fail ${expected}`, detail);
        assert.ok(!detail.includes("secret"));
        prober.close();
        await target.disconnected();
        await target.stop();
      });

    test("none of that with verify: false, and serverName in place of the host", async () => {
      for (const [cert, tls] of [
        [expired, { verify: false }],
        [other, { verify: false, serverName: "www.test" }],
        [other, { ca, serverName: "other.test" }],
      ] as const) {
        const target = await tlsTarget(scheme, cert);
        const prober = openTarget(`${scheme}://me:secret@127.0.0.1:${target.port}`, undefined, { tls });
        // the handshake succeeds, and then the server says nothing
        assert.equal((await probe(prober, 700)).reason, "timeout");
        prober.close();
        await target.stop();
      }
    });
  });

for (const scheme of ["postgres", "mysql"] as const)
  test(`${scheme}: a server without TLS is refused with tls`, async () => {
    const target = await Target.start(
      createServer((socket) => {
        socket.on("error", () => {});
        if (scheme === "mysql") FAKE_SERVERS.mysql(socket, () => true);
        else socket.once("data", () => socket.write("N"));
      }),
    );
    const prober = openTarget(`${scheme}://me:secret@127.0.0.1:${target.port}`, undefined, { tls: {} });
    assert.equal((await probe(prober)).reason, "tls");
    prober.close();
    await target.stop();
  });
