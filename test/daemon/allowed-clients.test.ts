/** Clients by their names and the age of connections, through both engines, both protocols and the listener thread. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { describe, type TestContext, test } from "node:test";
import { connect, type SecureContextOptions } from "node:tls";
import { type Published, subscribe } from "../../src/core/channels.js";
import type { HealthServer, ListenOptions } from "../../src/index.js";
import { Health } from "../support/built-library.js";
import { certify, createSubject } from "../support/certificates.js";
import { eventually, inTime } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");

const authority = createSubject("client CA");
const subject = createSubject("client");
const SERVER = { cert: pem("server.crt"), key: pem("server.key"), clientCa: certify(authority) };
const ALLOWED = { dns: ["prober.example.org"] };

const clientNamed = (name: string) => ({
  ca: pem("ca.crt"),
  cert: certify(subject, { issuer: authority, hosts: [name] }),
  key: subject.key,
});
const PROBER = clientNamed("prober.example.org");
const OTHER = clientNamed("other.example.org");

const UNAVAILABLE = 14;

const SERVERS: readonly (readonly [what: string, ListenOptions])[] = [
  ["engine native", { engine: "native" }],
  ["engine grpc-js", { engine: "grpc-js" }],
  ["a listener thread", { thread: true }],
];

async function serving(t: TestContext, options: ListenOptions): Promise<HealthServer> {
  const health = new Health({ metrics: true });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  health.set("shop", "SERVING");
  return health.listen(["127.0.0.1:0"], options);
}

function peerOf(t: TestContext, server: HealthServer, client: SecureContextOptions): GrpcPeer {
  const peer = new GrpcPeer(`https://127.0.0.1:${portOf(server)}`, client);
  t.after(() => peer.close());
  return peer;
}

async function checkedBy(t: TestContext, server: HealthServer, client: SecureContextOptions): Promise<number> {
  const { code } = await inTime(peerOf(t, server, client).check("shop"), "the call ends");
  return code;
}

/** The status of `GET PATH`, with its body; "refused" without an answer. */
function get(server: HealthServer, client: SecureContextOptions, path = "/healthcheck"): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port: portOf(server), path, agent: false, ...client }, (response) => {
      response.setEncoding("utf8");
      let body = "";
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () => resolve(`${response.statusCode} ${body}`));
    });
    asked.on("error", () => resolve("refused")).end();
  });
}

describe("allowClients", () => {
  for (const [what, options] of SERVERS)
    test(`of ${what} decides over gRPC and HTTP, changes at once, and is counted and published`, async (t) => {
      const refused: Published<"client-refused">[] = [];
      t.after(subscribe("client-refused", (message) => void refused.push(message)));
      const server = await serving(t, { ...options, tls: { ...SERVER, allowClients: ALLOWED } });
      assert.equal(await checkedBy(t, server, PROBER), 0);
      assert.equal(await get(server, PROBER), "200 OK");
      assert.equal(await checkedBy(t, server, OTHER), -1, "no answer");
      assert.equal(await get(server, OTHER), "refused");
      await eventually(() => refused.length === 2, "both are published");
      assert.deepEqual(refused[0]?.names, ["other.example.org"]);
      assert.match(await get(server, PROBER, "/metrics"), /^healthbridge_tls_clients_refused_total 2$/m);

      server.replaceTls({ ...SERVER, allowClients: { dns: ["other.example.org"] } });
      await eventually(async () => (await get(server, OTHER)) === "200 OK", "the new list is used");
      assert.equal(await checkedBy(t, server, OTHER), 0);
      assert.equal(await get(server, PROBER), "refused");
    });
});

describe("maxConnectionAgeMs", { concurrency: 3 }, () => {
  const AGES = { maxConnectionAgeMs: 400, maxConnectionAgeGraceMs: 300 };

  for (const [what, options] of SERVERS) {
    test(`of ${what} ends a gRPC connection with GOAWAY, and its Watch with UNAVAILABLE [C27]`, async (t) => {
      const server = await serving(t, { ...options, ...AGES, tls: SERVER });
      const peer = peerOf(t, server, PROBER);
      const goAway = once(peer.session, "goaway");
      const watch = peer.watch("shop");
      await watch.saw(1);
      await inTime(goAway, "GOAWAY");
      // grpc-js closes the connection instead, which clients of gRPC call UNAVAILABLE too
      assert.equal((await watch.ended()).code, options.engine === "grpc-js" ? -1 : UNAVAILABLE);
      await eventually(() => server.connectionCount === 0, "the connection is closed");
      await peerOf(t, server, PROBER).watch("shop").saw(1);
    });

    test(`of ${what} ends an HTTP/1 connection with its next answer`, async (t) => {
      const server = await serving(t, { ...options, ...AGES, maxConnectionAgeGraceMs: 20_000, tls: SERVER });
      const socket = connect({ host: "127.0.0.1", port: portOf(server), ...PROBER });
      t.after(() => void socket.destroy());
      let answers = "";
      let closed = false;
      socket.on("data", (bytes) => {
        answers += bytes.toString("latin1");
      });
      socket.on("close", () => {
        closed = true;
      });
      const ask = async () => {
        const before = answers.length;
        socket.write("GET /healthcheck HTTP/1.1\r\nHost: a\r\n\r\n");
        await eventually(() => closed || answers.slice(before).endsWith("OK"), "answered");
        return answers.slice(before);
      };
      assert.doesNotMatch(await ask(), /connection: close/i);
      await eventually(async () => /connection: close/i.test(await ask()), "the answer after the age is the last");
      await eventually(() => closed, "the connection is closed");
    });

    test(`of ${what} ends an idle HTTP/1 connection and a stream of events after the grace time`, async (t) => {
      const server = await serving(t, { ...options, ...AGES, tls: SERVER });
      const idle = connect({ host: "127.0.0.1", port: portOf(server), ...PROBER });
      const events = connect({ host: "127.0.0.1", port: portOf(server), ...PROBER });
      for (const socket of [idle, events]) {
        t.after(() => void socket.destroy());
        socket.on("error", () => {}).resume();
      }
      events.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await eventually(() => server.connectionCount === 2, "both are open");
      await eventually(() => server.connectionCount === 0, "both are closed");
    });
  }
});
