/** TLS is the same in every scheme that has it: which names, which chains, and the refusal of a client certificate. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { createServer as createTls, type TlsOptions } from "node:tls";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { type CertificateOptions, certify, createSubject } from "../support/certificates.js";
import { FAKE_SERVERS, type FakeServer } from "./fake-servers.js";
import { probe } from "./probing.js";
import { mysqlGreeting, SCRIPTS, startTlsServer } from "./starttls-servers.js";
import { Target } from "./targets.js";
import { webSocketServer } from "./websocket-server.js";

const [ROOT, OLD_ROOT, INTERMEDIATE, SERVER, CLIENT, CLIENT_CA] = [
  createSubject("Root"),
  createSubject("Old Root"),
  createSubject("Intermediate"),
  createSubject("server"),
  createSubject("client"),
  createSubject("Client CA"),
];
const ca = certify(ROOT, { endsInDays: 4_000 });
const leafOf = (options: CertificateOptions) => certify(SERVER, { issuer: ROOT, isAuthority: false, ...options });

type Serve = (socket: Socket, tls: TlsOptions) => void;

/** TLS from the first byte on. */
const direct =
  (serve: (socket: Socket) => void): Serve =>
  (socket, options) => {
    const server = createTls(options, (secured) => {
      secured.on("error", () => {});
      serve(secured);
    });
    server.on("tlsClientError", () => {}).emit("connection", socket);
  };

const fake = (server: FakeServer) => direct((socket) => server(socket, () => true));

/** TLS at the request of the client, which has so many bytes. */
const upgraded =
  (request: number, before: string | Buffer, goAhead: string, serve: FakeServer): Serve =>
  (socket, options) => {
    socket.write(before);
    socket.once("data", (bytes: Buffer) => {
      socket.pause();
      if (bytes.length > request) socket.unshift(bytes.subarray(request));
      socket.write(goAhead);
      fake(serve)(socket, options);
    });
  };

/** A server of MySQL whose greeting was sent in clear text. */
const greetedMysql: FakeServer = (socket, answer) => {
  let isGreeted = false;
  const quiet = new Proxy(socket, {
    get(target, name) {
      if (name === "on") return target.on.bind(target);
      return (bytes: Buffer) => {
        if (isGreeted) target.write(bytes);
        isGreeted = true;
      };
    },
  });
  FAKE_SERVERS.mysql(quiet, answer);
};

interface Row {
  readonly scheme: string;
  readonly serve: Serve;
  readonly options?: ProberOptions;
  readonly login?: string;
}

const startTlsRow = (protocol: keyof typeof SCRIPTS): Row => ({
  scheme: "tcp",
  options: { dialogue: [{ startTls: protocol }] },
  serve(socket, options) {
    startTlsServer(SCRIPTS[protocol], (_, goAhead) => {
      socket.write(goAhead);
      direct((secured) => void secured.resume())(socket, options);
    })(socket);
  },
});

/** Every scheme that has TLS. */
const ROWS: Readonly<Record<string, Row>> = {
  https: { scheme: "https", serve: fake(FAKE_SERVERS.http) },
  "flower+https": { scheme: "flower+https", serve: fake(FAKE_SERVERS["flower+http"]) },
  grpcs: {
    scheme: "grpcs",
    serve: (socket, options) => fake(FAKE_SERVERS.grpc)(socket, { ...options, ALPNProtocols: ["h2"] }),
  },
  tls: { scheme: "tls", serve: direct((socket) => void socket.resume()) },
  "tls with a dialogue": {
    scheme: "tls",
    options: { dialogue: [{ send: "ping\r\n" }, { expect: "pong" }] },
    serve: direct((socket) => void socket.on("data", () => socket.write("pong\r\n"))),
  },
  rediss: { scheme: "rediss", serve: fake(FAKE_SERVERS.redis) },
  amqps: { scheme: "amqps", serve: fake(FAKE_SERVERS.amqp), login: "me:pw@" },
  postgres: { scheme: "postgres", serve: upgraded(8, "", "S", FAKE_SERVERS.postgres), login: "me:pw@" },
  mysql: { scheme: "mysql", serve: upgraded(36, mysqlGreeting(0xffff), "", greetedMysql), login: "me:pw@" },
  wss: { scheme: "wss", serve: direct(webSocketServer()) },
  "startTls: smtp": startTlsRow("smtp"),
  "startTls: postgres": startTlsRow("postgres"),
  "startTls: ldap": startTlsRow("ldap"),
};

/** A way to a target that takes time. */
async function farAway(t: TestContext, port: number, roundTripMs: number): Promise<Target> {
  const later = (action: () => void) => void setTimeout(action, roundTripMs / 2);
  const relay = (from: Socket, to: Socket) => {
    from.on("error", () => {}).on("data", (bytes) => later(() => to.write(bytes)));
    from.on("close", () => later(() => to.destroy()));
  };
  const way = createServer((client) => {
    const socket = connect(port, "127.0.0.1");
    relay(client, socket);
    relay(socket, client);
  });
  const target = await Target.start(way);
  t.after(() => target.stop());
  return target;
}

async function verdictOf(t: TestContext, { scheme, serve, options, login = "" }: Row, asked: Asked): Promise<string> {
  const { host = "127.0.0.1", server, tls, roundTripMs } = asked;
  const target = await Target.start(
    createServer((socket) => serve(socket, { key: SERVER.key, ...server })),
    host.includes(":") ? "::1" : "127.0.0.1",
  );
  t.after(() => target.stop());
  const { port } = roundTripMs === undefined ? target : await farAway(t, target.port, roundTripMs);
  const prober = openTarget(`${scheme}://${login}${host}:${port}`, systemDeps(), { ...options, tls });
  const { outcome, reason = "", detail = "" } = await probe(prober);
  prober.close();
  return outcome === "pass" ? "pass" : `${outcome} ${reason} ${detail}`;
}

interface Asked {
  /** The way to the target and back, in milliseconds. */
  readonly roundTripMs?: number;
  readonly host?: string;
  readonly server: TlsOptions;
  readonly tls: NonNullable<ProberOptions["tls"]>;
}

/** The names of a certificate, the name that is asked for, and the verdict. */
const NAMES: readonly (readonly [
  hosts: readonly string[],
  host: string,
  serverName: string | undefined,
  expected: string,
])[] = [
  [["127.0.0.1"], "127.0.0.1", undefined, "pass"],
  [["0:0:0:0:0:0:0:1"], "[::1]", undefined, "pass"],
  [["fe80:0:0:0:0:0:0:1"], "[::1]", undefined, "fail tls-name"],
  [["localhost"], "127.0.0.1", undefined, "fail tls-name"],
  [["localhost"], "localhost.", undefined, "pass"],
  [["localhost"], "LOCALHOST", undefined, "pass"],
  [["*.w.test"], "127.0.0.1", "a.w.test", "pass"],
  [["*.w.test"], "127.0.0.1", "a.b.w.test", "fail tls-name"],
  [["*.w.test"], "127.0.0.1", "w.test", "fail tls-name"],
  [["*.test"], "127.0.0.1", "w.test", "fail tls-name"],
  [["xn--bcher-kva.test"], "127.0.0.1", "bücher.test", "pass"],
  [["*.xn--bcher-kva.test"], "127.0.0.1", "a.bücher.test.", "pass"],
  [["10.1.2.3"], "127.0.0.1", "10.1.2.3", "pass"],
  [["10.1.2.3"], "127.0.0.1", "10.1.2.4", "fail tls-name"],
  [["2001:db8:0:0:0:0:0:7"], "127.0.0.1", "[2001:db8::7]", "pass"],
  [[], "127.0.0.1", "server", "pass"], // the common name of the subject
  [[], "127.0.0.1", "other.test", "fail tls-name"],
  [["other.test"], "127.0.0.1", "server", "fail tls-name"],
  [["127.0.0.1", "other.test"], "127.0.0.1", "other.test", "pass"],
];

const EXPIRED = { startsInDays: -400, endsInDays: -30 };
const hosts = ["127.0.0.1"];
const leaf = certify(SERVER, { issuer: INTERMEDIATE, hosts });
const intermediate = certify(INTERMEDIATE, { issuer: ROOT });
const narrow = certify(INTERMEDIATE, { issuer: ROOT, permitted: ["w.test"] });

/** What the target sends, what is trusted, and the verdict. */
const CHAINS: readonly (readonly [label: string, cert: string, trusted: string, expected: string])[] = [
  ["a chain in the wrong order", leaf + ca + intermediate, ca, "pass"],
  ["an expired cross-signed root", leaf + intermediate + certify(ROOT, { issuer: OLD_ROOT, ...EXPIRED }), ca, "pass"],
  ["a missing intermediate", leaf, ca, "fail tls-untrusted"],
  ["an expired intermediate", leaf + certify(INTERMEDIATE, { issuer: ROOT, ...EXPIRED }), ca, "fail tls-expired"],
  ["an intermediate as the authority", leaf, intermediate, "pass"],
  ["the certificate itself as the authority", leaf, leaf, "pass"],
  [
    "an issuer that is no authority",
    leaf + certify(INTERMEDIATE, { issuer: ROOT, isAuthority: false }),
    ca,
    "fail tls-untrusted",
  ],
  [
    "name constraints that the certificate violates",
    certify(SERVER, { issuer: INTERMEDIATE, hosts: [...hosts, "x.test"] }) + narrow,
    ca,
    "fail tls-untrusted",
  ],
  [
    "name constraints that the certificate obeys",
    certify(SERVER, { issuer: INTERMEDIATE, hosts: [...hosts, "a.w.test"] }) + narrow,
    ca,
    "pass",
  ],
  ["a signature of another key", certify(SERVER, { issuer: createSubject("Root"), hosts }), ca, "fail tls-untrusted"],
  ["an expired certificate", leafOf({ hosts, ...EXPIRED }), ca, "fail tls-expired"],
  ["a self-signed certificate", certify(SERVER, { hosts }), ca, "fail tls-untrusted"],
];

/** TLS 1.2 has no alert of its own for it (RFC 5246, section 7.2.2). */
const NO_CERTIFICATE = { "TLSv1.2": /^fail tls /, "TLSv1.3": /^fail auth / } as const;

const short = (verdict: string) => verdict.split(" ").slice(0, 2).join(" ");

for (const [label, row] of Object.entries(ROWS))
  describe(label, { concurrency: 4 }, () => {
    for (const [names, host, serverName, expected] of NAMES)
      test(`a certificate for ${names} asked for ${serverName ?? host}: ${expected}`, async (t) => {
        const server = { cert: leafOf({ hosts: names }) };
        const verdict = await verdictOf(t, row, { host, server, tls: { ca, serverName } });
        assert.equal(short(verdict), expected, verdict);
      });

    for (const [what, cert, trusted, expected] of CHAINS)
      test(`${what}: ${expected}`, async (t) => {
        const verdict = await verdictOf(t, row, { server: { cert }, tls: { ca: trusted } });
        assert.equal(short(verdict), expected, verdict);
      });

    test("a client certificate is sent, and its absence or another one is a failure, also after the handshake of TLS 1.3", async (t) => {
      const mutual = { requestCert: true, rejectUnauthorized: true, ca: certify(CLIENT_CA) };
      const known = { cert: certify(CLIENT, { issuer: CLIENT_CA, isAuthority: false }), key: CLIENT.key };
      const stranger = { cert: certify(CLIENT, { isAuthority: false }), key: CLIENT.key };
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const server = { cert: leafOf({ hosts }), ...mutual, minVersion: version, maxVersion: version };
        assert.equal(await verdictOf(t, row, { server, tls: { ca, ...known } }), "pass", version);
        for (const [which, own] of Object.entries({ none: {}, stranger })) {
          const verdict = await verdictOf(t, row, { server, tls: { ca, ...own } });
          // Node's servers end the connection of a stranger without an alert
          const expected = which === "none" ? NO_CERTIFICATE[version] : /^fail (?:closed|reset)/;
          assert.match(verdict, expected, `${version} ${which}: ${verdict}`);
        }
      }
    });

    test("a target that is far away is given the time to refuse the client certificate", async (t) => {
      const server = { cert: leafOf({ hosts }), requestCert: true, rejectUnauthorized: true, ca: certify(CLIENT_CA) };
      assert.match(await verdictOf(t, row, { server, tls: { ca }, roundTripMs: 300 }), /^fail (?:auth|closed|reset)/);
    });

    test("a server name that is no name of a host is refused when the check is declared", () => {
      for (const serverName of ["", "a b", "https://db.test", "db.test/x", "db.test:443", "db\ntest", "x".repeat(254)])
        assert.throws(
          () =>
            openTarget(`${row.scheme}://${row.login ?? ""}h:1`, systemDeps(), { ...row.options, tls: { serverName } }),
          /tls\.serverName must be the name of a host/,
          JSON.stringify(serverName),
        );
    });

    test("versions that one side does not speak: tls", async (t) => {
      const at = (server: TlsOptions, tls: object) =>
        verdictOf(t, row, { server: { cert: leafOf({ hosts }), ...server }, tls: { ca, ...tls } });
      for (const [server, tls] of [
        [{ maxVersion: "TLSv1.2" }, { minVersion: 1.3 }],
        [{ minVersion: "TLSv1.3" }, { maxVersion: 1.2 }],
      ] as const)
        assert.equal(short(await at(server, tls)), "fail tls");
      assert.equal(await at({ maxVersion: "TLSv1.2" }, { maxVersion: "1.2" }), "pass");
    });
  });
