/**
 * A target of any scheme that answers as a valid server does, until a connection turns hostile.
 *
 *     prober <--- hostile relay, perhaps inside TLS <--- fake server, or no server at all
 *     prober <--- hostile relay <--- TLS server                  (the records themselves are broken)
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { gzipSync } from "node:zlib";
import type { DialogueStep } from "../../../src/probers/options.js";
import { FAKE_SERVERS, type FakeServer } from "../../probers/fake-servers.js";
import { SCRIPTS, startTlsServer } from "../../probers/starttls-servers.js";
import { webSocketServer } from "../../probers/websocket-server.js";
import { NameServer } from "../../support/name-server.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { mutate } from "../mutation.js";
import { HOSTILITIES, type Hostility } from "./hostility.js";

/** A scheme: what a good server does, and the rest of its URL. */
interface Scheme {
  readonly server: FakeServer;
  readonly isTls: boolean;
  readonly user?: string;
  readonly dialogue?: readonly DialogueStep[];
}

/** Answers the dialogue of the fuzzer. */
const DIALOGUE: FakeServer = (socket) => {
  socket.write("220 ready\r\n");
  socket.on("data", () => socket.write("250 OK\r\n"));
};

/** A good server that starts TLS. What comes before the handshake can be broken, and its records. */
const START_TLS: FakeServer = (socket) => startTlsServer(SCRIPTS.smtp)(socket);

const GZIPPED = gzipSync("OK");

/** An encoded body that the check needs, so that it is decoded. */
const ENCODED_HTTP: FakeServer = (socket) => {
  const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nx-state: up\r\n folded\r\ncontent-length: ${GZIPPED.length}\r\n\r\n`;
  socket.on("data", () => void socket.write(Buffer.concat([Buffer.from(head), GZIPPED])));
};

const NO_ANSWER: FakeServer = (socket) => void socket.resume();

const ASK: readonly DialogueStep[] = [
  { expect: { matches: "^220 [a-z]+\\r\\n" } },
  { send: "HELO x\r\n", expect: "250 " },
];

/** The schemes over TCP. */
export const SCHEMES = {
  http: { server: ENCODED_HTTP, isTls: false },
  https: { server: ENCODED_HTTP, isTls: true },
  tcp: { server: NO_ANSWER, isTls: false },
  tls: { server: NO_ANSWER, isTls: true },
  "tcp dialogue": { server: DIALOGUE, isTls: false, dialogue: ASK },
  "tls dialogue": { server: DIALOGUE, isTls: true, dialogue: ASK },
  "tcp startTls": { server: START_TLS, isTls: false, dialogue: [{ startTls: "smtp" }] },
  ws: { server: (socket) => webSocketServer()(socket), isTls: false, dialogue: [{ send: "a", expect: "a" }] },
  wss: { server: (socket) => webSocketServer()(socket), isTls: true, dialogue: [{ send: "a", expect: "a" }] },
  redis: { server: FAKE_SERVERS.redis, isTls: false },
  rediss: { server: FAKE_SERVERS.redis, isTls: true },
  postgres: { server: FAKE_SERVERS.postgres, isTls: false, user: "a@" },
  mysql: { server: FAKE_SERVERS.mysql, isTls: false, user: "a@" },
  amqp: { server: FAKE_SERVERS.amqp, isTls: false },
  amqps: { server: FAKE_SERVERS.amqp, isTls: true },
  grpc: { server: FAKE_SERVERS.grpc, isTls: false },
  grpcs: { server: FAKE_SERVERS.grpc, isTls: true },
  "flower+http": { server: FAKE_SERVERS["flower+http"], isTls: false },
  "flower+https": { server: FAKE_SERVERS["flower+http"], isTls: true },
} as const satisfies Readonly<Record<string, Scheme>>;

export type SchemeName = keyof typeof SCHEMES | "dns" | "udp";

export const SCHEME_NAMES: readonly [SchemeName, ...SchemeName[]] = [
  "dns",
  "udp",
  ...(Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]), // the names of the table
];

/** How a target behaves. */
export interface Behaviour {
  readonly hostility: Hostility;
  /** Answers before the hostile one, on each connection. */
  readonly honestAnswers: number;
  /** The TLS records are broken, not what is inside. */
  readonly breaksRecords: boolean;
  readonly seed: number;
}

/** A target that runs. */
export interface RunningTarget {
  readonly url: string;
  readonly isTls: boolean;
  readonly dialogue?: readonly DialogueStep[] | undefined;
  stop(): Promise<void>;
}

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const IDENTITY = {
  cert: fixture("server.crt"),
  key: fixture("server.key"),
  ALPNProtocols: ["h2", "http/1.1"],
};

/** Starts a target. */
export async function startTarget(name: SchemeName, behaviour: Behaviour): Promise<RunningTarget> {
  if (name === "dns" || name === "udp") return startNameServer(name, behaviour);
  const { server, isTls, ...scheme } = SCHEMES[name];
  const sockets = new Set<Socket>();
  const fake = await open(
    createServer((socket) => server(socket, () => true)),
    sockets,
  );
  const random = new SeededRandom(behaviour.seed);
  const relayTo = (port: number) => (socket: Socket) => relay(socket, port, behaviour, random, sockets);
  const servers = [fake];
  if (isTls && behaviour.breaksRecords) {
    const honest = { ...behaviour, hostility: "honest" } as const;
    const inner = createTlsServer(IDENTITY, (socket) => relay(socket, portOf(fake), honest, random, sockets));
    servers.push(await open(inner, sockets));
    servers.push(await open(createServer(relayTo(portOf(inner))), sockets));
  } else {
    const onConnection = relayTo(portOf(fake));
    servers.push(await open(isTls ? createTlsServer(IDENTITY, onConnection) : createServer(onConnection), sockets));
  }
  const port = portOf(servers.at(-1) ?? fake);
  return {
    url: `${name.split(" ")[0]}://${"user" in scheme ? scheme.user : ""}127.0.0.1:${port}`,
    isTls: isTls || name === "tcp startTls",
    dialogue: "dialogue" in scheme ? scheme.dialogue : undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      for (const each of servers) each.close();
    },
  };
}

async function open(server: Server, sockets: Set<Socket>): Promise<Server> {
  for (const event of ["connection", "secureConnection"]) server.on(event, (socket: Socket) => own(socket, sockets));
  server.on("tlsClientError", () => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

function own(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.on("error", () => {}).once("close", () => sockets.delete(socket));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // a server that listens on TCP has such an address
}

/** Brings a prober's bytes to the good server, and its answers back as the behaviour says. */
function relay(
  socket: Socket,
  port: number,
  { hostility, honestAnswers }: Behaviour,
  random: SeededRandom,
  sockets: Set<Socket>,
): void {
  const upstream = connect(port, "127.0.0.1");
  own(upstream, sockets);
  let answers = 0;
  upstream.on("data", (answer: Buffer) => {
    const isHostile = answers >= honestAnswers;
    answers += 1;
    if (socket.writable) void HOSTILITIES[isHostile ? hostility : "honest"]({ socket, answer, random });
  });
  socket.on("data", (bytes: Buffer) => upstream.writable && upstream.write(bytes));
  socket.once("close", () => upstream.destroy());
  upstream.once("close", () => socket.end());
}

/** The address of `db.test`. */
const QUERY: readonly DialogueStep[] = [
  {
    send: { hex: "abcd 0100 0001 0000 0000 0000 026462 0474657374 00 0001 0001" },
    expect: { hex: "0004 7f000001" },
  },
];

/** A name server behind a relay that breaks its datagrams. */
async function startNameServer(name: "dns" | "udp", { hostility, seed }: Behaviour): Promise<RunningTarget> {
  const nameServer = await NameServer.open();
  nameServer.records.set("db.test", { ttl: 5, addresses: ["127.0.0.1"] });
  const random = new SeededRandom(seed);
  const relaySocket = createSocket("udp4");
  relaySocket.bind(0, "127.0.0.1");
  await once(relaySocket, "listening");
  let isOpen = true;
  relaySocket.on("message", (query, { port, address }) => {
    const upstream = createSocket("udp4").unref(); // it waits for ever when the server has stopped
    upstream.on("message", (answer) => {
      upstream.close();
      if (hostility === "silence" || !isOpen) return;
      const isHonest = hostility === "honest";
      for (let copies = hostility.startsWith("flood") ? 50 : 1; copies > 0; copies -= 1)
        relaySocket.send(isHonest ? answer : mutate(random, answer), port, address);
    });
    upstream.send(query, Number(nameServer.address.split(":")[1]), "127.0.0.1");
  });
  return {
    url: `${name}://127.0.0.1:${relaySocket.address().port}${name === "dns" ? "/db.test" : ""}`,
    ...(name === "dns" ? {} : { dialogue: QUERY }),
    isTls: false,
    async stop() {
      isOpen = false;
      relaySocket.close();
      nameServer.close();
    },
  };
}
