/** `ws` and `wss` with real servers: `ws` of npm, NATS, and nginx as a proxy. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { certify, createSubject } from "../support/certificates.js";
import { freePort } from "../support/free-port.js";
import { installServers, startNats } from "./dialogue-servers.js";
import { debian } from "./install.js";
import { npmServers } from "./npm-packages.js";
import { accepting, Running } from "./peers.js";

const authority = createSubject("authority");
const identity = createSubject("server");
const CA = certify(authority);
const OTHER_CA = certify(createSubject("another authority"));

const folder = mkdtempSync(join(tmpdir(), "healthbridge-ws-"));
const programs: Running[] = [];
const ports = new Map<string, number>();
let server: Server;

/** The part of the package `ws` that is used here. */
interface Connection {
  on(event: "message", listener: (bytes: Buffer, isBinary: boolean) => void): void;
  send(data: string | Buffer, options?: { readonly binary: boolean }): void;
  close(code: number, text: string): void;
  ping(): void;
}
interface WebSocketServer {
  handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer, done: (connection: Connection) => void): void;
}

/** By path: what is done with a connection. */
const PATHS: Readonly<Record<string, (connection: Connection) => void>> = {
  "/echo": (connection) => connection.on("message", (bytes, binary) => connection.send(bytes, { binary })),
  "/events": (connection) => {
    connection.send("welcome");
    connection.ping();
    connection.on("message", () => connection.send("ready"));
  },
  "/silent": () => {},
  "/busy": (connection) => connection.close(1013, "try again later"),
};

/** An HTTP server whose upgrades `ws` answers, with credentials for `/private`. */
async function startWs(): Promise<number> {
  const { WebSocketServer } = npmServers()("ws") as {
    WebSocketServer: new (options: object) => WebSocketServer;
  };
  const handleProtocols = (offered: ReadonlySet<string>) => (offered.has("mqtt") ? "mqtt" : false);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols, perMessageDeflate: true });
  server = createServer((_, response) => response.writeHead(200).end("no WebSocket"));
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const { url = "", headers } = request;
    const isKnown = headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
    const path = url === "/private" && isKnown ? "/echo" : url;
    const serve = PATHS[path];
    if (serve !== undefined) sockets.handleUpgrade(request, socket, head, serve);
    else
      socket.end(`HTTP/1.1 ${path === "/private" ? "401 Unauthorized" : "404 Not Found"}\r\nconnection: close\r\n\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port; // it listens on a port
}

async function startSecureNats(name: string, endsInDays: number): Promise<void> {
  const own = join(folder, name.replaceAll(/\W+/g, "-"));
  mkdirSync(own);
  const certificate = certify(identity, {
    issuer: authority,
    hosts: ["localhost", "127.0.0.1"],
    startsInDays: endsInDays - 91,
    endsInDays,
  });
  writeFileSync(join(own, "cert.pem"), certificate);
  writeFileSync(join(own, "key.pem"), identity.key);
  const tls = `tls { cert_file: "${own}/cert.pem", key_file: "${own}/key.pem" }`;
  await startNatsWith(name, own, tls);
}

async function startNatsWith(name: string, own: string, tls: string): Promise<void> {
  const [port, wsPort] = [await freePort(), await freePort()];
  ports.set(name, wsPort).set(`${name}, TCP`, port);
  const program = startNats({ folder: own, port, more: [`websocket { listen: "127.0.0.1:${wsPort}", ${tls} }`] });
  programs.push(program);
  await accepting(wsPort, 30_000);
}

/** Passes the upgrade on to `ws`, and to a port without a listener. */
async function startNginx(upstream: number): Promise<void> {
  const port = await freePort();
  ports.set("nginx", port);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder};`);
  const upgrade =
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
  const config = `
daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events {}
http {
  access_log off; ${paths.join(" ")}
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${upstream}; ${upgrade} }
    location /dead { proxy_pass http://127.0.0.1:1; ${upgrade} }
    location /plain { proxy_pass http://127.0.0.1:${upstream}/echo; }
    location /login { return 302 /echo; }
  }
}`;
  const path = join(folder, "nginx.conf");
  writeFileSync(path, config);
  programs.push(new Running(debian("nginx", "nginx-light"), ["-p", folder, "-e", "stderr", "-c", path]));
  await accepting(port, 30_000);
}

before(async () => {
  installServers();
  chmodSync(folder, 0o755);
  const plain = join(folder, "nats");
  mkdirSync(plain);
  const ws = await startWs();
  ports.set("ws", ws);
  await Promise.all([
    startNatsWith("NATS", plain, "no_tls: true"),
    startSecureNats("NATS, TLS", 90),
    startSecureNats("NATS, expired", -2),
    startNginx(ws),
  ]);
});

after(async () => {
  server.close();
  server.closeAllConnections();
  await Promise.all(programs.map((program) => program.stop()));
  rmSync(folder, { recursive: true });
});

const ping: ProberOptions = { dialogue: [{ send: "hello", expect: { matches: "^hello$" } }] };
const nats: ProberOptions = { dialogue: [{ expect: "INFO {" }, { send: "PING\r\n", expect: "PONG" }] };
const subprotocols = (list: string): ProberOptions => ({ headers: { "Sec-WebSocket-Protocol": list } });

type Row = readonly [
  server: string,
  scheme: "ws" | "wss",
  path: string,
  options: ProberOptions,
  verdict: string,
  detail?: RegExp,
];

const ROWS: readonly Row[] = [
  ["ws", "ws", "/echo", {}, "pass"],
  ["ws", "ws", "/echo", ping, "pass"],
  ["ws", "ws", "/echo", { dialogue: [{ send: { hex: "00ff80" }, expect: { matches: "^\\x00\\xff\\x80$" } }] }, "pass"],
  ["ws", "ws", "/events", { dialogue: [{ send: "?", expect: "ready" }] }, "pass"],
  ["ws", "ws", "/events", { dialogue: [{ send: "?", expect: "steady" }] }, "fail answer", /steady.*ready/],
  ["ws", "ws", "/silent", {}, "pass"],
  ["ws", "ws", "/silent", ping, "fail timeout", /hello.*nothing/],
  ["ws", "ws", "/busy", ping, "fail closed", /1013 .*try again later/],
  ["ws", "ws", "/nowhere", {}, "fail status", /404/],
  ["ws", "ws", "/private", {}, "fail status", /401/],
  ["ws", "ws", "/private", { user: "me", password: "wrong" }, "fail status", /401/],
  ["ws", "ws", "/private", { user: "me", password: "secret", ...ping }, "pass"],
  ["ws", "ws", "/echo", subprotocols("graphql-ws, mqtt"), "pass"],
  ["ws", "ws", "/echo", subprotocols("graphql-ws"), "fail header", /graphql-ws/],
  ["ws", "wss", "/echo", {}, "fail tls", /wrong version number/],
  ["NATS", "ws", "/", nats, "pass"],
  ["NATS", "ws", "/", subprotocols("mqtt"), "fail header", /mqtt/],
  ["NATS, TCP", "ws", "/", {}, "fail protocol", /status line/],
  ["NATS, TLS", "wss", "/", { ...nats, tls: { ca: CA } }, "pass"],
  ["NATS, TLS", "wss", "/", { ...nats, tls: { ca: CA, warnBefore: 8_640_000_000 } }, "warn tls-ending"],
  ["NATS, TLS", "wss", "/", { tls: { ca: OTHER_CA } }, "fail tls-untrusted"],
  ["NATS, TLS", "wss", "/", {}, "fail tls-untrusted"],
  ["NATS, TLS", "wss", "/", { tls: { ca: CA, serverName: "other.test" } }, "fail tls-name"],
  ["NATS, TLS", "wss", "/", { ...nats, tls: { ca: OTHER_CA, verify: false } }, "pass"],
  ["NATS, TLS", "wss", "/", { tls: { ca: CA, minVersion: "1.0", maxVersion: "1.1" } }, "fail tls"],
  ["NATS, TLS", "ws", "/", {}, "fail status", /400/],
  ["NATS, expired", "wss", "/", { tls: { ca: CA } }, "fail tls-expired"],
  ["nginx", "ws", "/echo", ping, "pass"],
  ["nginx", "ws", "/dead", {}, "fail status", /502/],
  ["nginx", "ws", "/plain", {}, "fail status", /200/],
  ["nginx", "ws", "/login", {}, "fail redirect", /302/],
];

for (const [name, scheme, path, options, expected, text = /./] of ROWS)
  test(`${name}, ${scheme} ${path} ${JSON.stringify(options).slice(0, 60)}: ${expected}`, async () => {
    const prober = openTarget(`${scheme}://127.0.0.1:${ports.get(name)}${path}`, systemDeps(), options);
    const waits = expected.endsWith("timeout") || expected.endsWith("answer");
    const { outcome, reason, detail = "" } = await probe(prober, waits ? 500 : undefined);
    prober.close();
    assert.equal(reason === undefined ? outcome : `${outcome} ${reason}`, expected, detail);
    if (outcome === "fail") assert.match(detail, text);
  });

test("a server that hangs is a timeout of the handshake, and one that is dead is refused", async () => {
  const [program] = programs.filter(({ output }) => output.includes(`:${ports.get("NATS")}`));
  assert.ok(program !== undefined);
  const prober = openTarget(`ws://127.0.0.1:${ports.get("NATS")}/`, systemDeps(), nats);
  await program.freeze();
  const { reason, detail } = await probe(prober, 300);
  assert.deepEqual([reason, detail], ["timeout", "no answer to the handshake"]);
  await program.stop();
  assert.equal((await probe(prober)).reason, "refused");
  prober.close();
});
