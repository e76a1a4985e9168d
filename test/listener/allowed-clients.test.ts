/** Which clients a listener with `allowClients` serves: real handshakes, with certificates of any kind. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, connect, type SecureVersion } from "node:tls";
import { type Published, subscribe } from "../../src/core/channels.js";
import { parseListenEntry } from "../../src/core/listen-point.js";
import { listen } from "../../src/listener/listener.js";
import type { TlsIdentity } from "../../src/listener/tls.js";
import {
  type CertificateOptions,
  certify,
  createSubject,
  extension,
  sequence,
  tagged,
} from "../support/certificates.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { Client, pem } from "./fixtures.js";

const authority = createSubject("client CA");
const prober = createSubject("prober.example.org");
const clientCa = certify(authority);
const SERVER = { cert: pem("server.crt"), key: pem("server.key"), clientCa };
const ALLOWED = { dns: ["prober.example.org", "*.probers.example"], uri: ["spiffe://example.org/ns/shop/**"] };

/** The certificate and key of a client. */
const client = (options: CertificateOptions): ConnectionOptions => ({
  cert: certify(prober, { issuer: authority, ...options }),
  key: prober.key,
});

const EXTENDED_USAGE = [0x25];
const SERVER_AUTH = Buffer.from([0x2b, 6, 1, 5, 5, 7, 3, 1]);
const SIGNS_MESSAGES_AND_CERTIFICATES = 0x84;

/** A listener whose transports send a word; each `connect` returns what its client has received at its end. */
async function serving(t: TestContext, tls: TlsIdentity) {
  const served: Socket[] = [];
  const sink = (socket: Socket) => {
    served.push(socket);
    socket.end("served");
  };
  const listener = await listen([parseListenEntry("127.0.0.1:0")], {
    clock: new VirtualClock(),
    instance: "allowed-clients",
    sinks: { http1: sink, http2: sink },
    tls,
  });
  t.after(() => listener.destroy());
  const refused: Published<"client-refused">[] = [];
  t.after(
    subscribe("client-refused", (message) => {
      if (message.instance === "allowed-clients") refused.push(message);
    }),
  );
  const [address] = listener.addresses;
  const port = address !== undefined && "port" in address ? address.port : 0;
  const sessions: Buffer[] = [];
  const ask = async (options: ConnectionOptions): Promise<string> => {
    const socket = connect({ port, host: "localhost", ca: pem("ca.crt"), ...options });
    t.after(() => void socket.destroy());
    const each = new Client(socket);
    socket.on("session", (session) => sessions.push(session));
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await each.gone();
    return each.received;
  };
  return { listener, refused, served, sessions, ask };
}

describe("a listener with allowClients", () => {
  const allowed: readonly (readonly [what: string, CertificateOptions])[] = [
    ["an allowed DNS name", { hosts: ["prober.example.org"] }],
    ["an allowed DNS name among others", { hosts: ["other.example", "A.PROBERS.example", "10.0.0.1"] }],
    ["an allowed SPIFFE ID", { hosts: ["spiffe://example.org/ns/shop/sa/prober"], usage: 0x80 }],
  ];
  for (const [what, options] of allowed)
    for (const version of ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[])
      test(`serves a client with ${what}, over ${version}`, async (t) => {
        const { ask, refused } = await serving(t, { ...SERVER, allowClients: ALLOWED });
        assert.equal(await ask({ ...client(options), minVersion: version, maxVersion: version }), "served");
        assert.deepEqual(refused, []);
      });

  const refusedClients: readonly (readonly [what: string, CertificateOptions, RegExp])[] = [
    ["another DNS name", { hosts: ["other.example"] }, /no name of its certificate is in tls\.allowClients/],
    ["an allowed name as its common name alone", { isAuthority: false }, /no DNS name and no URI/],
    ["an allowed name before a NUL", { names: [["dns", "prober.example.org\0.evil"]] }, /no name/],
    ["an allowed name after a comma", { names: [["dns", "x, DNS:prober.example.org"]] }, /no name/],
    ["an allowed name as a URI", { names: [["uri", "prober.example.org"]] }, /no name/],
    ["a wildcard name", { hosts: ["*.probers.example"] }, /no name/],
    ["a SPIFFE ID of another path", { hosts: ["spiffe://example.org/ns/shopping/a"] }, /no name/],
    [
      "two SPIFFE IDs",
      { hosts: ["spiffe://example.org/ns/shop/a", "spiffe://example.org/ns/b"] },
      /beside another URI/,
    ],
    ["a SPIFFE ID of an authority", { hosts: ["spiffe://example.org/ns/shop/a"], isAuthority: true }, /may sign/],
    [
      "a SPIFFE ID and a signing key",
      { hosts: ["spiffe://example.org/ns/shop/a"], usage: SIGNS_MESSAGES_AND_CERTIFICATES },
      /may sign/,
    ],
    ["a SPIFFE ID with a dot segment", { hosts: ["spiffe://example.org/ns/shop/../b"] }, /not valid/],
  ];
  for (const [what, options, cause] of refusedClients)
    for (const version of ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[])
      test(`answers no byte to a client with ${what}, over ${version}`, async (t) => {
        const { ask, refused, served, listener } = await serving(t, { ...SERVER, allowClients: ALLOWED });
        assert.equal(await ask({ ...client(options), minVersion: version, maxVersion: version }), "");
        assert.deepEqual([served.length, refused.length], [0, 1]);
        assert.match(refused[0]?.cause ?? "", cause);
        assert.equal(refused[0]?.address, "127.0.0.1");
        await eventually(() => listener.connectionCount === 0, "the connection is closed");
      });

  const unverified: readonly (readonly [what: string, ConnectionOptions])[] = [
    ["no certificate", {}],
    [
      "an allowed name, signed by another authority",
      { cert: certify(prober, { hosts: ["prober.example.org"] }), key: prober.key },
    ],
    ["an allowed name, expired", client({ hosts: ["prober.example.org"], startsInDays: -9, endsInDays: -1 })],
    [
      "an allowed name, in a certificate for servers only",
      client({
        hosts: ["prober.example.org"],
        extensions: [extension(EXTENDED_USAGE, sequence(tagged(0x06, SERVER_AUTH)))],
      }),
    ],
    [
      "two lists of names",
      client({
        hosts: ["other.example"],
        extensions: [extension([0x11], sequence(tagged(0x82, Buffer.from("prober.example.org"))))],
      }),
    ],
  ];
  for (const [what, options] of unverified)
    test(`ends the handshake with a client with ${what}`, async (t) => {
      const { ask, refused, served } = await serving(t, { ...SERVER, allowClients: ALLOWED });
      assert.equal(await ask(options), "");
      assert.deepEqual([served, refused], [[], []]);
    });

  test("names what a log may show: at most five names, shortened, without control characters", async (t) => {
    const { ask, refused } = await serving(t, { ...SERVER, allowClients: ALLOWED });
    const names = [`${"x".repeat(250)}.example`, "\x1b[31mred", "c", "d", "e", "f"].map(
      (name) => ["dns", name] as const,
    );
    await ask(client({ names }));
    const [message] = refused;
    assert.deepEqual(message?.names, [`${"x".repeat(200)}...`, "\\u001b[31mred", "c", "d", "e"]);
  });

  test("serves by the new list at once, and refuses by it, also a client that offers the session of before", async (t) => {
    const { ask, listener, sessions } = await serving(t, { ...SERVER, allowClients: ALLOWED });
    const options = client({ hosts: ["prober.example.org"] });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[]) {
      listener.replaceTls({ ...SERVER, allowClients: ALLOWED });
      assert.equal(await ask({ ...options, maxVersion }), "served");
      listener.replaceTls({ ...SERVER, allowClients: { dns: ["other.example"] } });
      assert.ok(sessions.length > 0, "the client has a session");
      for (const session of [undefined, ...sessions.splice(0)])
        assert.equal(await ask({ ...options, maxVersion, session }), "");
    }
    listener.replaceTls({ ...SERVER, allowClients: "any" });
    assert.equal(await ask(options), "served");
  });

  test("keeps its list when another certificate is given without one", async (t) => {
    const { ask, listener } = await serving(t, { ...SERVER, allowClients: ALLOWED, minVersion: "1.3" });
    listener.replaceTls({ cert: SERVER.cert, key: SERVER.key });
    assert.equal(await ask(client({ hosts: ["other.example"] })), "");
    assert.equal(await ask(client({ hosts: ["prober.example.org"] })), "served");
    assert.equal(
      await ask({ ...client({ hosts: ["prober.example.org"] }), maxVersion: "TLSv1.2" }),
      "",
      "minVersion stays",
    );
  });

  test("keeps the list in use when the next one is invalid", async (t) => {
    const { ask, listener } = await serving(t, { ...SERVER, allowClients: ALLOWED });
    assert.throws(() => listener.replaceTls({ ...SERVER, allowClients: { dns: ["*"] } }), { code: "INVALID_OPTION" });
    assert.equal(await ask(client({ hosts: ["other.example"] })), "");
    assert.equal(await ask(client({ hosts: ["prober.example.org"] })), "served");
  });

  test("is refused without a client CA, and later lists change nothing there", async (t) => {
    const { clientCa: _, ...open } = SERVER;
    await assert.rejects(serving(t, { ...open, allowClients: ALLOWED }), {
      code: "INVALID_OPTION",
      message: "tls.allowClients needs clientCa",
    });
    const { ask, listener } = await serving(t, open);
    listener.replaceTls({ ...SERVER, allowClients: ALLOWED });
    assert.equal(await ask({}), "served");
  });
});
