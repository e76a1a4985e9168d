/** The rules of TLS that a client meets, whatever Node's defaults are: docs/tls.md has the table. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, connect, type SecureVersion, TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { parseListenEntry } from "../../src/core/listen-point.js";
import { listen } from "../../src/listener/listener.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, inTime } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { pem } from "./fixtures.js";

const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const TLS = { cert: pem("server.crt"), key: pem("server.key") };

/** What a client has seen of its connection. */
interface Seen {
  readonly error: string | undefined;
  readonly alpn: string | false | null;
  readonly text: string;
}

/** The port of a listener whose connections go to `sink`. */
async function listening(t: TestContext, sink: (socket: Socket) => void): Promise<number> {
  const options = { clock: new VirtualClock(), instance: "tls-policy", sinks: { http1: sink, http2: sink }, tls: TLS };
  const listener = await listen([parseListenEntry("127.0.0.1:0")], options);
  t.after(() => listener.destroy());
  const [address] = listener.addresses;
  return address !== undefined && "port" in address ? address.port : 0;
}

function clientOf(t: TestContext, port: number, options: ConnectionOptions): TLSSocket {
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca: pem("ca.crt"), ...options });
  t.after(() => void socket.destroy());
  return socket;
}

/** A listener that says whether a session is reused. `see` connects, and returns what it has seen until the end. */
async function serving(t: TestContext) {
  const port = await listening(t, (socket) => {
    if (socket instanceof TLSSocket) socket.end(socket.isSessionReused() ? "reused" : "new");
  });
  const sessions: Buffer[] = [];
  const see = async (options: ConnectionOptions = {}): Promise<Seen> => {
    const socket = clientOf(t, port, options);
    let error: string | undefined;
    let text = "";
    socket.on("session", (session) => sessions.push(session));
    socket.on("error", (cause) => {
      error = "code" in cause ? String(cause.code) : cause.message;
    });
    socket.on("data", (bytes) => {
      text += bytes.toString();
    });
    await inTime(new Promise((resolve) => void socket.once("close", resolve)), "the connection ends");
    return { error, alpn: socket.alpnProtocol, text };
  };
  return { sessions, see };
}

describe("TLS of a listener", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[])
    test(`resumes no session: every connection of ${version} shows its certificate`, async (t) => {
      const { see, sessions } = await serving(t);
      const only = { minVersion: version, maxVersion: version };
      assert.equal((await see(only)).error, undefined);
      for (const session of sessions.splice(0)) assert.equal((await see({ ...only, session })).text, "new");
    });

  const refused: readonly (readonly [what: string, ConnectionOptions])[] = [
    ["TLS 1.1", { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }],
    [
      "ciphers without authenticated encryption",
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA" },
    ],
    ["ciphers without forward secrecy", { maxVersion: "TLSv1.2", ciphers: "AES256-GCM-SHA384:AES128-SHA" }],
    ["finite fields for the key exchange", { minVersion: "TLSv1.3", ecdhCurve: "ffdhe2048:ffdhe8192" }],
    ["a protocol of ALPN that is not served", { ALPNProtocols: ["spdy/3.1", "h3"] }],
  ];
  for (const [what, options] of refused)
    test(`refuses a client that has only ${what}`, async (t) => {
      const { see } = await serving(t);
      assert.match((await see(options)).error ?? "", /^ERR_SSL_|^ECONNRESET$/);
    });

  test("takes h2 before http/1.1, and any server name: there is one certificate", async (t) => {
    const { see } = await serving(t);
    assert.equal((await see({ ALPNProtocols: ["http/1.1", "h2"] })).alpn, "h2");
    const checkServerIdentity = () => undefined;
    for (const servername of ["other.example", ""])
      assert.equal((await see({ servername, checkServerIdentity })).error, undefined, servername);
  });

  test("renegotiates nothing", async (t) => {
    const port = await listening(t, (each) => void each.resume());
    const socket = clientOf(t, port, { maxVersion: "TLSv1.2" });
    await inTime(once(socket, "secureConnect"), "connected");
    const ended = new Promise<string>((resolve) => {
      socket.on("error", (error) => resolve(error.message));
      socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error?.message ?? "renegotiated"));
    });
    assert.match(await inTime(ended, "the server answers"), /no.renegotiation/i);
  });

  test("of the daemon does not get weaker by options of Node", async (t) => {
    const daemon = new DaemonProcess(
      [...["serve", "--listen", "127.0.0.1:0"], "--tls-cert", file("server.crt"), "--tls-key", file("server.key")],
      ["--tls-min-v1.0", "--tls-max-v1.2", "--tls-cipher-list=DEFAULT@SECLEVEL=0", "--openssl-legacy-provider"],
    );
    t.after(() => daemon.kill());
    await eventually(() => daemon.port > 0 || daemon.exit !== undefined, "the daemon serves");
    const protocolOf = async (options: ConnectionOptions) => {
      const socket = clientOf(t, daemon.port, options);
      const [result] = await inTime(
        Promise.race([once(socket, "secureConnect").then(() => [socket.getProtocol()]), once(socket, "error")]),
        "the handshake ends",
      );
      return result instanceof Error ? "refused" : result;
    };
    const old = { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    assert.equal(await protocolOf({ ...old, maxVersion: "TLSv1.1" }), "refused");
    assert.equal(
      await protocolOf({ ...old, maxVersion: "TLSv1.2", ciphers: "AES128-SHA:ECDHE-ECDSA-AES128-SHA" }),
      "refused",
    );
    assert.equal(await protocolOf({}), "TLSv1.3");
  });
});
