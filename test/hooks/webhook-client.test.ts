/** One request of a webhook, to real servers that answer, refuse, hang and break. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Goodbyes } from "../../src/client/goodbyes.js";
import { NameResolver } from "../../src/client/resolver.js";
import { createReadBuffer } from "../../src/client/target-socket.js";
import { systemClock } from "../../src/core/clock.js";
import { WebhookClient } from "../../src/hooks/webhook-client.js";
import type { Message } from "../../src/hooks/webhook-message.js";
import { readWebhook, type WebhookDeclaration } from "../../src/hooks/webhook-settings.js";
import { certify, createSubject } from "../support/certificates.js";
import { NameServer } from "../support/name-server.js";

const MESSAGE: Message = { id: "e-1", kind: "change", at: 0, changes: [], omitted: 0 };

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function open(t: TestContext, declared: WebhookDeclaration, servers?: readonly string[]): WebhookClient {
  const resolver = new NameResolver({ clock: systemClock, servers });
  const deps = { clock: systemClock, random: Math.random, resolver, readBuffer: createReadBuffer() };
  const settings = readWebhook("test", { timeout: "2s", ...declared }, false);
  const client = new WebhookClient(settings, { ...deps, goodbyes: new Goodbyes(systemClock), host: "here" });
  t.after(() => client.close());
  return client;
}

/** A server of HTTP that answers as told, and what it was sent. */
async function receiver(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: { readonly request: IncomingMessage; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes) => {
      body += bytes;
    });
    request.on("end", () => {
      requests.push({ request, body });
      answer(request, response);
    });
  });
  const port = await listen(t, server);
  return { requests, url: `http://127.0.0.1:${port}/hook?key=1` };
}

const answering = (status: number, headers: Readonly<Record<string, string>> = {}) => {
  return (_: IncomingMessage, response: ServerResponse) => void response.writeHead(status, headers).end();
};

for (const status of [200, 201, 202, 204])
  test(`status ${status} is a delivery`, async (t) => {
    const { url, requests } = await receiver(t, answering(status));
    assert.deepEqual(await open(t, { url }).send(MESSAGE), { kind: "delivered" });
    assert.deepEqual(
      [requests.length, requests[0]?.request.method, requests[0]?.request.url],
      [1, "POST", "/hook?key=1"],
    );
  });

for (const status of [408, 425, 429, 500, 502, 503, 504])
  test(`status ${status} is tried again`, async (t) => {
    const { url } = await receiver(t, answering(status));
    assert.equal((await open(t, { url }).send(MESSAGE)).kind, "retry");
  });

for (const status of [400, 401, 403, 404, 410, 422])
  test(`status ${status} is a rejection`, async (t) => {
    const { url } = await receiver(t, answering(status));
    assert.deepEqual(await open(t, { url }).send(MESSAGE), { kind: "rejected", detail: `HTTP status ${status}` });
  });

test("a redirect is a rejection, and is not followed", async (t) => {
  const { url, requests } = await receiver(t, answering(307, { location: "/elsewhere" }));
  assert.equal((await open(t, { url }).send(MESSAGE)).kind, "rejected");
  assert.equal(requests.length, 1);
});

test("Retry-After is read as seconds, as a fraction and as a date, up to an hour", async (t) => {
  const inTwoMinutes = new Date(Date.now() + 120_000).toUTCString();
  const texts = ["7", "0.25", inTwoMinutes, "100000000", "soon"];
  let next = 0;
  const { url } = await receiver(t, (_, response) => {
    response.writeHead(429, { "retry-after": texts[next] }).end();
    next += 1;
  });
  const client = open(t, { url });
  const waits: (number | undefined)[] = [];
  for (const _ of texts) {
    const result = await client.send(MESSAGE);
    waits.push(result.kind === "retry" ? result.retryAfterMs : undefined);
  }
  assert.deepEqual([waits[0], waits[1], waits[3], waits[4]], [7_000, 250, 3_600_000, undefined]);
  assert.ok((waits[2] ?? 0) > 100_000 && (waits[2] ?? 0) <= 120_000);
});

test("a body is read up to 4 KiB, and the status counts", async (t) => {
  const { url } = await receiver(t, (_, response) => void response.end("x".repeat(1_000_000)));
  assert.deepEqual(await open(t, { url }).send(MESSAGE), { kind: "delivered" });
});

/** A server that does the same to each connection. */
async function connection(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    serve(socket);
  });
  return `http://127.0.0.1:${await listen(t, server)}/`;
}

test("a receiver that hangs is given up at the deadline", async (t) => {
  const url = await connection(t, () => {});
  const startedAt = performance.now();
  const result = await open(t, { url, timeout: "300ms" }).send(MESSAGE);
  assert.equal(result.kind, "retry");
  assert.ok(performance.now() - startedAt < 2_000);
});

test("a receiver that resets, sends half an answer, or no HTTP is tried again", async (t) => {
  const after = (action: (socket: Socket) => void) => (socket: Socket) =>
    void socket.once("data", () => action(socket));
  const actions = [
    after((socket) => socket.resetAndDestroy()),
    after((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")),
    after((socket) => socket.end("HTTP/1.1 200")),
    after((socket) => socket.end("220 mail.example ESMTP\r\n")),
  ];
  for (const action of actions)
    assert.equal((await open(t, { url: await connection(t, action) }).send(MESSAGE)).kind, "retry");
});

test("a port without a receiver is tried again, and a client that is closed ends its request", async (t) => {
  const closed = await connection(t, () => {});
  const client = open(t, { url: closed, timeout: "60s" });
  const sending = client.send(MESSAGE);
  client.close();
  assert.equal((await sending).kind, "retry");
  const refused = await open(t, { url: "http://127.0.0.1:1/" }).send(MESSAGE);
  assert.equal(refused.kind, "retry");
});

test("a name that resolves to a link-local address is not connected to", async (t) => {
  const nameServer = await NameServer.start(t);
  nameServer.records.set("metadata.example", { ttl: 60, addresses: ["169.254.169.254"] });
  const result = await open(t, { url: "http://metadata.example/" }, [nameServer.address]).send(MESSAGE);
  assert.ok(result.kind === "retry" && /link-local/.test(result.detail), JSON.stringify(result));
});

test("no error shows the name or the socket of a receiver, which may be a secret", async (t) => {
  const nameServer = await NameServer.start(t);
  nameServer.records.set("tok3n.example", { ttl: 60, addresses: ["169.254.169.254"] });
  const server = createSecureServer(createKeyAndCertificate("other"), (_, response) => void response.end());
  nameServer.records.set("s3cret.example", { ttl: 60, addresses: ["127.0.0.1"] });
  const port = await listen(t, server);
  for (const url of [
    "http://tok3n.example/",
    "http://tok3n.absent.example/",
    "http+unix://%2Ftmp%2Ftok3n.sock/",
    `https://s3cret.example:${port}/`,
  ]) {
    const result = await open(t, { url }, [nameServer.address]).send(MESSAGE);
    assert.ok(result.kind === "retry" && !/tok3n|s3cret/.test(result.detail), JSON.stringify(result));
  }
});

/** A certificate that its own authority has signed. */
function createKeyAndCertificate(host: string) {
  const subject = createSubject("server");
  return { key: subject.key, cert: certify(subject, { hosts: [host] }) };
}

test("a request over TLS verifies the receiver, and trusts the authority of the settings", async (t) => {
  const [authority, subject] = [createSubject("authority"), createSubject("server")];
  const cert = certify(subject, { issuer: authority, hosts: ["localhost"] });
  const server = createSecureServer({ key: subject.key, cert }, (_, response) => void response.end());
  const url = `https://localhost:${await listen(t, server)}/`;
  const untrusted = await open(t, { url }).send(MESSAGE);
  assert.equal(untrusted.kind, "retry");
  assert.deepEqual(await open(t, { url, tls: { ca: certify(authority) } }).send(MESSAGE), { kind: "delivered" });
});

test("a request has the id of its message, and a signature that is that of Standard Webhooks", async (t) => {
  const { url, requests } = await receiver(t, answering(204));
  const secret = "a secret of 20 bytes";
  await open(t, { url, secret, headers: { Authorization: "Bearer t" } }).send(MESSAGE);
  const [{ request, body } = assert.fail()] = requests;
  const { "webhook-timestamp": time = "", "webhook-id": id, "webhook-signature": signature } = request.headers;
  assert.equal(id, "e-1");
  assert.equal(request.headers["idempotency-key"], "e-1");
  assert.equal(request.headers.authorization, "Bearer t");
  assert.equal(request.headers["content-type"], "application/json");
  assert.ok(Math.abs(Number(time) - Date.now() / 1_000) < 60);
  const expected = createHmac("sha256", secret).update(`e-1.${time}.${body}`).digest("base64");
  assert.equal(signature, `v1,${expected}`);
});

test("the key of a secret whsec_... is its base64", async (t) => {
  const { url, requests } = await receiver(t, answering(204));
  const key = Buffer.alloc(24, 7);
  await open(t, { url, secret: `whsec_${key.toString("base64")}` }).send(MESSAGE);
  const [{ request, body } = assert.fail()] = requests;
  const expected = createHmac("sha256", key).update(`e-1.${request.headers["webhook-timestamp"]}.${body}`);
  assert.equal(request.headers["webhook-signature"], `v1,${expected.digest("base64")}`);
});
