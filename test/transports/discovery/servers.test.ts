/** Blocking queries over real connections: HTTP/1 and HTTP/2. */
import assert from "node:assert/strict";
import { get as getHttp1 } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { facts, Site } from "./discovery-fixture.js";
import { serveDiscovery } from "./discovery-server.js";

const ORDERS = "/v1/health/service/orders";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Client {
  /** Resolves with the answer; rejects when the connection breaks. */
  readonly answer: Promise<Answer>;
  leave(): void;
}

type Ask = (port: number, path: string, options?: { readonly token?: string; readonly method?: string }) => Client;

const askHttp1: Ask = (port, path, { token, method = "GET" } = {}) => {
  let leave = () => {};
  const answer = new Promise<Answer>((resolve, reject) => {
    const headers = token === undefined ? {} : { "X-Consul-Token": token };
    const request = getHttp1({ port, host: "127.0.0.1", path, headers, agent: false, method }, (response) => {
      let body = "";
      response.on("data", (bytes) => {
        body += String(bytes);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on("error", reject);
    leave = () => request.destroy();
  });
  answer.catch(() => {});
  return { answer, leave };
};

const askHttp2: Ask = (port, path, { token, method = "GET" } = {}) => {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const headers = token === undefined ? {} : { "x-consul-token": token };
  const stream = session.request({ ":path": path, ":method": method, ...headers });
  const answer = new Promise<Answer>((resolve, reject) => {
    let body = "";
    let head: Readonly<Record<string, unknown>> = {};
    stream.on("response", (fields) => {
      head = fields;
    });
    stream.on("data", (bytes) => {
      body += String(bytes);
    });
    stream.on("end", () => {
      resolve({ status: Number(head[":status"]), headers: head, body });
      session.close();
    });
    stream.on("error", reject);
  });
  answer.catch(() => {});
  return { answer, leave: () => stream.close() };
};

async function serving(t: TestContext, options: ConstructorParameters<typeof Site>[1] = {}) {
  const site = new Site(systemClock, options);
  site.set([facts("a"), facts("b")]);
  const server = await serveDiscovery(site);
  t.after(() => server.close());
  return { site, ...server };
}

const largeFacts = (count: number) =>
  Array.from({ length: count }, (_, at) => facts(`orders/${String(at).padStart(5, "0")}`, { port: 10_000 + at }));

for (const [name, ask] of [
  ["HTTP/1", askHttp1],
  ["HTTP/2", askHttp2],
] as const)
  describe(`discovery over ${name}`, () => {
    const indexAt = async (port: number) => Number((await ask(port, ORDERS).answer).headers["x-consul-index"]);

    test("a blocked query is answered within a second of the change", async (t) => {
      const { site, port } = await serving(t);
      const { answer } = ask(port, `${ORDERS}?index=${await indexAt(port)}`);
      await eventually(() => site.routes.blockedQueries === 1, "blocked");
      const since = performance.now();
      site.report("a", "failing", "timeout");
      const { status, body } = await inTime(answer, "the answer");
      assert.equal(status, 200);
      assert.match(body, /"Status":"critical".*"Output":"timeout"/);
      assert.ok(performance.now() - since < 1_000);
    });

    test("the client that goes away frees its slot at once", async (t) => {
      const { site, port } = await serving(t);
      const index = await indexAt(port);
      const clients = Array.from({ length: 20 }, () => ask(port, `${ORDERS}?index=${index}`));
      await eventually(() => site.routes.blockedQueries === 20, "blocked");
      for (const client of clients.slice(0, 15)) client.leave();
      await eventually(() => site.routes.blockedQueries === 5, "15 are free");
      for (const client of clients) client.leave();
      await eventually(() => site.routes.blockedQueries === 0, "all are free");
    });

    test("a drain answers the blocked queries, and then closes the connections", async (t) => {
      const { site, port, drain, listener } = await serving(t);
      const index = await indexAt(port);
      const clients = Array.from({ length: 100 }, () => ask(port, `${ORDERS}?index=${index}`));
      await eventually(() => site.routes.blockedQueries === 100, "blocked");
      drain();
      const answers = await inTime(Promise.all(clients.map(({ answer }) => answer)), "the answers");
      assert.ok(answers.every(({ status, body }) => status === 200 && JSON.parse(body).length === 2));
      await eventually(() => listener.connectionCount === 0, "all connections are closed");
    });

    test("the token in a header is read, and HEAD has no body", async (t) => {
      const { port } = await serving(t, { token: "secret" });
      assert.equal((await ask(port, ORDERS).answer).status, 403);
      const { status, headers, body } = await ask(port, ORDERS, { token: "secret", method: "HEAD" }).answer;
      assert.equal(status, 200);
      assert.ok(Number(headers["content-length"]) > 100);
      assert.equal(body, "");
    });

    test("a list of 10,000 instances is whole, and the server answers others while it renders", async (t) => {
      const { site, port } = await serving(t);
      site.set(largeFacts(10_000));
      const large = ask(port, ORDERS);
      let slowestMs = 0;
      let body: string | undefined;
      const whole = large.answer.then((answer) => {
        body = answer.body;
      });
      while (body === undefined) {
        const since = performance.now();
        await ask(port, "/v1/status/leader").answer;
        slowestMs = Math.max(slowestMs, performance.now() - since);
      }
      await whole;
      const nodes: { Node: { Node: string } }[] = JSON.parse(body);
      assert.equal(nodes.length, 10_000);
      assert.equal(nodes[9_999]?.Node.Node, "orders/09999");
      t.diagnostic(`${(body.length / 1e6).toFixed(1)} MB; the slowest other answer in ${slowestMs.toFixed(0)} ms`);
      assert.ok(slowestMs < 500, `${slowestMs} ms`);
    });
  });

test("clients that do not read a large list hold one copy of it", async (t) => {
  const { site, port } = await serving(t);
  const meta = { note: "x".repeat(8_000) }; // more than the kernel takes for a client that does not read
  site.set(largeFacts(2_000).map((each) => ({ ...each, meta })));
  const clients = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").pause());
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients) client.on("error", () => {}).write(`GET ${ORDERS} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const { length } = (await askHttp1(port, ORDERS).answer).body;
  await pause(300);
  assert.equal(site.pool.heldBytes, length);
  for (const client of clients) client.destroy();
  await eventually(() => site.pool.heldBytes === 0, "freed when they have gone");
});
