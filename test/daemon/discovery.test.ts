/** `healthbridge serve` with discovery: its listeners, who may read them, where addresses are shown, and the end. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { run } from "../cli/program.js";
import { certify, createSubject } from "../support/certificates.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, inTime } from "../support/eventually.js";
import { importsIn } from "../support/source/imports.js";
import { tokensOf } from "../support/source/tokens.js";

/** The address of an instance: no other listener may show it. */
const HOST = "127.0.0.77";
const TOKEN = "first-t0ken";

const folder = mkdtempSync(join(tmpdir(), "hb-discovery-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string, text?: string): string => {
  if (text !== undefined) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};

/** An instance that takes connections. */
async function instance(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => void socket.on("error", () => {}).end());
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return { server, port: (server.address() as AddressInfo).port }; // it listens on TCP
}

async function serve(t: TestContext | undefined, name: string, text: string, nodeArgs: readonly string[] = []) {
  const daemon = new DaemonProcess(["serve", "-c", path(`${name}.yaml`, text)], nodeArgs);
  t?.after(() => daemon.kill());
  await eventually(() => daemon.addresses.length > 0 || daemon.exit !== undefined, `serve: ${name}`);
  return daemon;
}

const addressesOf = (daemon: DaemonProcess, event: string): readonly string[] =>
  (daemon.log.find((line) => line.event === event)?.addresses ?? []) as readonly string[];
const portOf = (daemon: DaemonProcess, event = "discovery") => Number(addressesOf(daemon, event)[0]?.split(":").at(-1));

interface Got {
  readonly status: number;
  readonly body: string;
  readonly index: string;
}

function get(port: number, target: string, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path: target, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (bytes) => {
        body += bytes;
      });
      const index = String(response.headers["x-consul-index"] ?? "");
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body, index }));
    });
    request.once("error", reject).end();
  });
}

/** A stream of EDS about `orders`. */
function subscribe(port: number, token?: string) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const method = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints";
  const bytes = (message: Buffer) => message;
  const call = client.makeBidiStreamRequest(method, bytes, bytes, metadata);
  const messages: string[] = [];
  call.on("data", (message: Buffer) => messages.push(message.toString("latin1")));
  const ended = new Promise<number>((resolve) => {
    call.on("status", ({ code }) => resolve(code));
    call.on("error", () => {}); // `status` follows
  }).finally(() => client.close());
  call.write(Buffer.from("\u001a\u0006orders"));
  return { messages, ended, cancel: () => call.cancel() };
}

describe("a daemon with discovery", () => {
  let daemon: DaemonProcess;
  let a: Awaited<ReturnType<typeof instance>>;
  let b: typeof a;
  const socket = path("control.sock");
  const withToken = { "x-consul-token": TOKEN };
  const orders = async (query = "") =>
    JSON.parse((await get(portOf(daemon), `/v1/health/service/orders${query}`, withToken)).body) as readonly {
      readonly Node: { readonly Node: string };
      readonly Checks: readonly { readonly Status: string }[];
    }[];
  const passing = async () => (await orders("?passing")).map(({ Node }) => Node.Node);

  before(async () => {
    [a, b] = await Promise.all([instance(), instance()]);
    daemon = await serve(
      undefined,
      "main",
      `listen: ["127.0.0.1:0"]
control: ${socket}
drainDelay: 3s
discovery: { listen: ["127.0.0.1:0", "unix:${path("d.sock")}"], tokenFile: ${path("token", TOKEN)} }
haproxyAgent: { listen: "127.0.0.1:0" }
checks:
  a: { target: "tcp://${HOST}:${a.port}", interval: 1s, unhealthyThreshold: 1 }
  b: { target: "tcp://${HOST}:${b.port}", interval: 1s, unhealthyThreshold: 1 }
services: { orders: { any: [a, b] } }
`,
    );
    const statusOf = async () => (await get(portOf(daemon), "/v1/health/service/orders", withToken)).status;
    await eventually(async () => (await statusOf()) === 200, "the instances are known"); // 503 until the first results
    await eventually(async () => (await passing()).length === 2, "both are healthy");
  });
  after(async () => {
    await daemon.kill();
    for (const { server } of [a, b]) server.close();
  });

  test("serves each form to a client with the token", async () => {
    const port = portOf(daemon);
    assert.match((await get(port, "/v1/instances/orders", withToken)).body, new RegExp(`"${HOST}"`));
    assert.match((await get(port, "/prometheus/sd", withToken)).body, new RegExp(`${HOST}:${a.port}`));
    assert.match((await get(port, "/v1/catalog/services", withToken)).body, /"orders":\[\]/);
    const stream = subscribe(port, TOKEN);
    await eventually(() => stream.messages.length > 0, "EDS answers");
    assert.ok(stream.messages[0]?.includes(HOST));
    stream.cancel();
    assert.equal(addressesOf(daemon, "discovery").length, 2);
  });

  test("takes the token as X-Consul-Token, as ?token= and as Bearer, and nothing else", async () => {
    const statusOf = async (target: string, headers = {}) => (await get(portOf(daemon), target, headers)).status;
    for (const target of ["/v1/health/service/orders", "/v1/instances", "/prometheus/sd"]) {
      assert.equal(await statusOf(target, withToken), 200);
      assert.equal(await statusOf(`${target}?token=${TOKEN}`), 200);
      assert.equal(await statusOf(target, { authorization: `Bearer ${TOKEN}` }), 200);
      for (const headers of [{}, { "x-consul-token": "other" }, { authorization: "Bearer x" }, { cookie: TOKEN }])
        assert.ok([401, 403].includes(await statusOf(target, headers)), target);
    }
    for (const token of [undefined, "other"]) assert.equal(await subscribe(portOf(daemon), token).ended, 16);
  });

  test("shows no address of an instance on its other listeners", async () => {
    const shown = await Promise.all(
      [
        "/",
        "/?service=orders",
        "/healthcheck",
        "/healthcheck/orders?format=json",
        "/metrics",
        "/history?service=a",
      ].map(async (target) => (await get(daemon.port, target, { accept: "text/html, */*" })).body),
    );
    const check = await get(daemon.port, "/healthcheck", { accept: "application/json" });
    const list = await run("list", `127.0.0.1:${daemon.port}`, "--json");
    const agent = await askAgent(portOf(daemon, "haproxy-agent"), "orders\n");
    for (const text of [...shown, check.body, list.stdout, agent]) {
      assert.ok(text.length > 0);
      assert.ok(!text.includes(HOST) && !text.includes(String(a.port)), text);
    }
  });

  test("answers HAProxy's agent-check", async () => {
    const port = portOf(daemon, "haproxy-agent");
    assert.equal(await askAgent(port, "a\n"), "up ready 100%\n");
    assert.equal(await askAgent(port, "orders\n"), "up ready 100%\n");
    assert.equal(await askAgent(port, "nix\n"), "");
  });

  test("tells a failure within a second of the check, and the return", async () => {
    const { index } = await get(portOf(daemon), "/v1/health/service/orders", withToken);
    const blocked = get(portOf(daemon), `/v1/health/service/orders?index=${index}&wait=30s`, withToken);
    const stream = subscribe(portOf(daemon), TOKEN);
    await eventually(() => stream.messages.length === 1, "the first response");
    b.server.close();
    const answer = await blocked;
    const turned = daemon.log.findLast(({ event, name }) => event === "transition" && name === "b");
    assert.ok(Date.now() - Number(turned?.at) < 1_000, "within a second");
    assert.notEqual(answer.index, index);
    assert.deepEqual(await passing(), ["a"]);
    stream.cancel();
    await new Promise<void>((resolve) => b.server.listen(b.port, HOST, resolve));
    await eventually(async () => (await passing()).length === 2, "b is back");
  });

  test("an operator's drain of an instance is told at once, also of one that fails", async () => {
    const port = portOf(daemon, "haproxy-agent");
    await run("drain", "b", "--control", socket);
    assert.deepEqual(await passing(), ["a"]);
    assert.equal(await askAgent(port, "b\n"), "up drain\n");
    await run("resume", "b", "--control", socket);
    assert.deepEqual(await passing(), ["a", "b"]);
    b.server.close();
    await eventually(async () => (await askAgent(port, "b\n")) === "down ready\n", "b fails");
    await run("drain", "b", "--control", socket);
    assert.equal(await askAgent(port, "b\n"), "down maint\n");
    await run("resume", "b", "--control", socket);
    assert.equal(await askAgent(port, "b\n"), "down ready\n");
    await new Promise<void>((resolve) => b.server.listen(b.port, HOST, resolve));
    await eventually(async () => (await passing()).length === 2, "b is back");
  });

  test("metrics count subscribers, pushes and instances", async () => {
    const { index } = await get(portOf(daemon), "/v1/health/service/orders", withToken);
    const blocked = get(portOf(daemon), `/v1/health/service/orders?index=${index}&wait=1s`, withToken);
    const stream = subscribe(portOf(daemon), TOKEN);
    await eventually(() => stream.messages.length > 0, "EDS answers");
    const { body } = await get(daemon.port, "/metrics");
    const value = (series: string) => {
      const found = body.split("\n").find((line) => line.startsWith(`healthbridge_discovery_${series} `));
      return found === undefined ? undefined : Number(found.split(" ").at(-1));
    };
    assert.equal(value('subscribers{form="consul"}'), 1);
    assert.equal(value('subscribers{form="xds"}'), 1);
    assert.ok((value("pushes_total") ?? 0) >= 2);
    assert.equal(value("nacks_total"), 0);
    assert.equal(value('instances{service="orders",state="healthy"}'), 2);
    assert.equal(value('instances{service="orders",state="drained"}'), 0);
    assert.ok((value("agent_answers_total") ?? 0) >= 5);
    stream.cancel();
    await blocked;
  });

  test("another token is in use when its file changes, and the one before is not", async () => {
    path("token", "second-t0ken");
    const second = { "x-consul-token": "second-t0ken" };
    const statusOf = async (headers: object) => (await get(portOf(daemon), "/v1/instances", { ...headers })).status;
    await eventually(async () => (await statusOf(second)) === 200, "the new token is in use");
    assert.equal(await statusOf(withToken), 401);
    path("token", TOKEN);
    await eventually(async () => (await statusOf(withToken)) === 200, "the first token is back");
  });

  test("a change of what needs a restart is named", async () => {
    const text = readFileSync(path("main.yaml"), "utf8");
    const next = text
      .replace("tokenFile:", "xds: false, tokenFile:")
      .replace('listen: "127', 'weights: true, listen: "127');
    path("main.yaml", next);
    const { stdout } = await run("reload", "--control", socket);
    assert.match(stdout, /`discovery\.xds`, `haproxyAgent\.weights` changed; restart to apply/);
    path("main.yaml", text);
    await run("reload", "--control", socket);
  });

  test("the end: what waits is ended at once, nothing more is told, and the addresses stay open for the drain delay", async () => {
    const port = portOf(daemon);
    const { index } = await get(port, "/v1/health/service/orders", withToken);
    const blocked = get(port, `/v1/health/service/orders?index=${index}&wait=60s`, withToken);
    const stream = subscribe(port, TOKEN);
    await eventually(() => stream.messages.length > 0, "EDS answers");
    const began = performance.now();
    daemon.process.kill("SIGTERM");
    const [{ status, body }, code] = await inTime(Promise.all([blocked, stream.ended]), "both end", 2_500);
    assert.deepEqual([status, code], [200, 14]);
    assert.equal(JSON.parse(body).length, 2, "no instance vanishes");
    assert.equal((await get(port, "/v1/health/service/orders", withToken)).status, 503);
    assert.equal((await get(port, "/prometheus/sd", withToken)).status, 503);
    assert.equal(await subscribe(port, TOKEN).ended, 14);
    assert.equal(await askAgent(portOf(daemon, "haproxy-agent"), "a\n"), "");
    assert.ok(performance.now() - began < 3_000, "within the drain delay");
    assert.equal((await daemon.ended()).code, 0);
  });
});

/** One agent-check. */
function askAgent(port: number, line: string): Promise<string> {
  return inTime(
    new Promise((resolve, reject) => {
      const client = connect({ host: "127.0.0.1", port });
      let answer = "";
      client.on("data", (bytes) => {
        answer += bytes;
      });
      client
        .once("error", reject)
        .once("end", () => resolve(answer))
        .write(line);
    }),
    "the answer of the agent",
  );
}

test("with client certificates: TLS as on the other listeners, and a renewed certificate", async (t) => {
  const [root, server, client] = [createSubject("Root"), createSubject("server"), createSubject("client")];
  const leaf = (subject: typeof server, days: number) =>
    certify(subject, { issuer: root, hosts: ["localhost", "127.0.0.1"], endsInDays: days });
  const [ca, key] = [certify(root), server.key];
  const daemon = await serve(
    t,
    "tls",
    `listen: ["127.0.0.1:0"]
drainDelay: 0s
tls: { certFile: ${path("s.crt", leaf(server, 50))}, keyFile: ${path("s.key", key)}, clientCaFile: ${path("ca.crt", ca)} }
discovery: { listen: "127.0.0.1:0" }
checks: { a: "tcp://${HOST}:9" }
`,
  );
  const ask = (identity: object): Promise<string> =>
    new Promise((resolve) => {
      const options = { host: "127.0.0.1", port: portOf(daemon), path: "/v1/catalog/services", ca, agent: false };
      const request = httpsRequest({ ...options, ...identity }, (response) => {
        const { socket } = response as unknown as { readonly socket: { getPeerCertificate(): { valid_to: string } } };
        const until = socket.getPeerCertificate().valid_to;
        response.resume().once("end", () => resolve(`${response.statusCode} ${until}`));
      });
      request.once("error", (error) => resolve(error.message)).end();
    });
  const identity = { cert: leaf(client, 9), key: client.key };
  const first = await ask(identity);
  assert.match(first, /^200 /);
  assert.doesNotMatch(await ask({}), /^200/, "a client without a certificate");
  await assert.rejects(get(portOf(daemon), "/v1/catalog/services"), "clear text");
  path("s.crt", leaf(server, 70));
  await eventually(async () => {
    const answer = await ask(identity);
    return answer.startsWith("200") && answer !== first;
  }, "the renewed certificate is served");
});

describe("an address that is in use refuses the start", () => {
  const rows = { discovery: "discovery", haproxyAgent: "haproxyAgent" } as const;
  for (const [key, other] of Object.entries(rows))
    test(`of ${key}`, async (t) => {
      const taken = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => taken.once("listening", resolve));
      t.after(() => taken.close());
      const { port } = taken.address() as AddressInfo; // it listens on TCP
      const socket = path(`${key}.sock`);
      const text = `listen: ["127.0.0.1:0"]\ncontrol: ${socket}\n${other}: { listen: "127.0.0.1:${port}" }\n`;
      const daemon = await serve(t, key, text);
      assert.equal((await daemon.ended()).code, 2);
      assert.match(daemon.stderr, new RegExp(`${key}\\.listen: cannot listen on 127\\.0\\.0\\.1:${port}: .*in use`));
      assert.doesNotMatch(daemon.stderr, /--listen/);
      const events = daemon.log.map(({ event }) => event);
      assert.ok(!events.includes("serving") && !events.includes("discovery"), "nothing was served");
    });
});

test("two daemons: an index of the other one is answered at once", async (t) => {
  const text = `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\ndiscovery: { listen: "127.0.0.1:0" }\nchecks: { a: "tcp://${HOST}:9" }\n`;
  const first = await serve(t, "one", text);
  const second = await serve(t, "two", text);
  const target = "/v1/health/service/a";
  await eventually(async () => (await get(portOf(second), target)).status === 200, "the second knows");
  const { index, status } = await get(portOf(first), target);
  assert.equal(status, 200);
  const later = String(Number(index) + 1_000_000);
  for (const other of [index, later]) {
    const { index: own } = await get(portOf(second), target);
    if (other === own) continue;
    const answer = await inTime(get(portOf(second), `${target}?index=${other}&wait=60s`), "an answer at once", 5_000);
    assert.equal(answer.status, 200);
  }
});

/** The modules that are loaded with one: what `import()` names is not among them. */
function loadedWith(module: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(module)) return loaded;
  loaded.add(module);
  const source = readFileSync(new URL(`../../src/${module}`, import.meta.url), "utf8");
  for (const { from, kind } of importsIn(tokensOf(source)))
    if (kind === "static" && from.startsWith("."))
      loadedWith(posix.join(posix.dirname(module), from.replace(/\.js$/, ".ts")), loaded);
  return loaded;
}

test("a daemon without discovery loads nothing of it, and one with the agent alone no more than that", () => {
  const ofDiscovery = /^(?:transports\/(?:discovery|xds)\/|instances\/|daemon\/(?:discovery|found-instances)\.ts)/;
  const without = [...loadedWith("cli/serve.ts")];
  assert.ok(without.includes("daemon/daemon.ts") && without.includes("registry/registry.ts"));
  assert.deepEqual(
    without.filter((file) => ofDiscovery.test(file)),
    [],
  );
  const agentAlone = [...loadedWith("daemon/discovery.ts")];
  assert.ok(agentAlone.includes("instances/catalog.ts"));
  assert.deepEqual(
    agentAlone.filter((file) => /^transports\/(?:discovery|xds)\//.test(file)),
    [],
  );
});
