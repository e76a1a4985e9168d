/**
 * Real proxies that send PROXY headers, with the configurations of docs/listeners.md: they reach each kind of address, their health
 * checks pass, and the server knows their clients.
 *
 *     client at 127.0.0.7 --> HAProxy, nginx, Envoy --header, then its bytes--> healthbridge: "127.0.0.7"
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { subscribe } from "../../src/core/channels.js";
import type { EngineName } from "../../src/core/engine-name.js";
import { Health } from "../../src/index.js";
import { blocksOf } from "../docs/pages.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { describeEngines } from "./engines.js";
import { debian, envoy, installDebian } from "./install.js";
import { accepting, Running } from "./peers.js";

const CLIENT = "127.0.0.7";
const PAGE = readFileSync(new URL("../../docs/listeners.md", import.meta.url), "utf8");
const [HAPROXY = ""] = blocksOf(PAGE, "haproxy");
const [NGINX = ""] = blocksOf(PAGE, "nginx");
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
const CA_FILE = fileURLToPath(new URL("../fixtures/tls/ca.crt", import.meta.url));

/** A way through a proxy: the port that clients connect to, and the port of healthbridge. */
interface Way {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** healthbridge behind proxies: on a plain, an open and a TLS address. */
async function listenBehindProxies(health: Health, engine: EngineName): Promise<readonly number[]> {
  const addresses = ["plain://127.0.0.1:0", "open://127.0.0.1:0", "127.0.0.1:0"];
  const server = await health.listen(
    addresses.map((address) => ({ address, proxyProtocol: { from: ["127.0.0.1"] } })),
    { engine, tls: { cert: pem("server.crt"), key: pem("server.key") } },
  );
  return server.addresses.map((address) => ("port" in address ? address.port : 0));
}

/** The options of HAProxy's server line for each way; the first is that of the page. */
const HAPROXY_WAYS: readonly (readonly [name: string, options: string, address: 0 | 1 | 2])[] = [
  ["page", "send-proxy-v2 check check-send-proxy", 0],
  ["v1", "send-proxy check", 0],
  ["v2-open", "send-proxy-v2 check", 1],
  ["v2-values", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority check", 0],
  [
    "v2-tls",
    `send-proxy-v2 ssl verify required ca-file ${CA_FILE} sni str(localhost) verifyhost localhost alpn h2 check`,
    2,
  ],
];

function haproxyConfig(ways: readonly Way[], stats: string): string {
  const sections = ways.map(({ name, from, to }) => {
    const options = HAPROXY_WAYS.find(([known]) => known === name)?.[1] ?? "";
    const backend = HAPROXY.replace("backend healthbridge", `backend ${name}`)
      .replace("10.0.0.11:8443", `127.0.0.1:${to}`)
      .replace(/send-proxy-v2.*/, `${options} inter 500ms fall 1 rise 1`);
    return `frontend in-${name}\n  mode tcp\n  bind 127.0.0.1:${from}\n  unique-id-format %pid\n  default_backend ${name}\n${backend}`;
  });
  return `global\n  stats socket ${stats} level admin\ndefaults\n  timeout connect 2s\n  timeout client 5s\n  timeout server 5s\n${sections.join("\n")}`;
}

const nginxConfig = ({ from, to }: Way, folder: string) => `
load_module ${STREAM_MODULE};
daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events {}
${NGINX.replace("listen 9443", `listen 127.0.0.1:${from}`).replace("10.0.0.11:8443", `127.0.0.1:${to}`)}`;

const envoyConfig = (ways: readonly Way[]) => `
static_resources:
  listeners:
${ways
  .map(
    ({ name, from }) => `  - address: { socket_address: { address: 127.0.0.1, port_value: ${from} } }
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: ${name}
          cluster: ${name}
`,
  )
  .join("")}  clusters:
${ways
  .map(
    ({ name, to }) => `  - name: ${name}
    type: STATIC
    transport_socket:
      name: envoy.transport_sockets.upstream_proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
        config: { version: ${name} }
        transport_socket:
          name: envoy.transport_sockets.raw_buffer
          typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer }
    load_assignment:
      cluster_name: ${name}
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${to} } } } }] }]
`,
  )
  .join("")}`;

/** Asks HAProxy's stats socket for the state of each server, and for what its last health check was. */
function statesOf(stats: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const socket = connect(stats);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket
      .on("error", () => {})
      .on("close", () => {
        const [head = "", ...rows] = text.replace(/^# /, "").split("\n");
        const columns = head.split(",");
        const servers = rows
          .map((row) => row.split(","))
          .filter((cells) => cells[columns.indexOf("svname")] === "first");
        resolve(
          servers.map((cells) => `${cells[columns.indexOf("status")]} ${cells[columns.indexOf("check_status")]}`),
        );
      });
    socket.write("show stat\n");
  });
}

/** Sends the first byte of TLS to a port in clear text: the server ends the connection, and names its client. */
function breakRule(port: number): void {
  const socket = connect({ port, host: "127.0.0.1", localAddress: CLIENT });
  socket.on("error", () => {}).on("connect", () => void socket.write(Buffer.from([0x16, 3, 1])));
}

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, path, localAddress: CLIENT, agent: false }, (response) => {
      response.setEncoding("utf8").on("data", (text) => resolve(`${response.statusCode} ${text}`));
    });
    asked.once("error", reject).end();
  });
}

describeEngines("a proxy that sends PROXY headers", (engine) => {
  const instance = `proxies-${engine}`;
  const health = new Health({ instance });
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const stats = join(folder, "stats.sock");
  const running: Running[] = [];
  const ended: string[] = [];
  const refused: string[] = [];
  const unsubscribes = [
    subscribe("connection-ended", (message) => {
      if (message.instance === instance) ended.push(`${message.address} ${message.rule}`);
    }),
    subscribe("proxy-header-refused", (message) => {
      if (message.instance === instance) refused.push(message.fault);
    }),
  ];
  const ways = new Map<string, Way>();
  const wayOf = (name: string): Way => ways.get(name) ?? assert.fail(`there is no way ${name}`);

  before(async () => {
    const ports = await listenBehindProxies(health, engine);
    const add = async (name: string, address: number) =>
      void ways.set(name, { name, from: await freePort(), to: ports[address] ?? 0 });
    for (const [name, , address] of HAPROXY_WAYS) await add(name, address);
    for (const [name, address] of [
      ["nginx", 0],
      ["V1", 0],
      ["V2", 1],
    ] as const)
      await add(name, address);
    const files: readonly (readonly [string, string])[] = [
      [
        "haproxy.cfg",
        haproxyConfig(
          HAPROXY_WAYS.map(([name]) => wayOf(name)),
          stats,
        ),
      ],
      ["nginx.conf", nginxConfig(wayOf("nginx"), folder)],
      ["envoy.yaml", envoyConfig([wayOf("V1"), wayOf("V2")])],
    ];
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    installDebian(["nginx-light", "libnginx-mod-stream"]);
    running.push(
      new Running(debian("haproxy"), ["-db", "-f", join(folder, "haproxy.cfg")]),
      new Running(debian("nginx", "nginx-light"), ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")]),
      new Running(envoy(), [
        "-c",
        join(folder, "envoy.yaml"),
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "-l",
        "warn",
      ]),
    );
    await Promise.all([...ways.values()].map(({ from }) => accepting(from, 20_000)));
  });
  after(async () => {
    await Promise.all(running.map((program) => program.stop()));
    for (const unsubscribe of unsubscribes) unsubscribe();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
    rmSync(folder, { recursive: true });
  });

  for (const name of ["page", "v1", "v2-open", "v2-values", "nginx", "V1", "V2"]) {
    test(`reaches HTTP and gRPC, and the server knows the client (${name})`, async () => {
      const { from } = wayOf(name);
      assert.equal(await get(from, "/readyz"), "200 OK");
      const peer = new GrpcPeer(from);
      assert.equal((await peer.check("readiness")).status, 1);
      peer.close();
      const before = ended.length;
      breakRule(from);
      await eventually(() => ended.length > before, "the rule is reported");
      assert.equal(ended.at(-1), `${CLIENT} tls-on-plain-port`);
    });
  }

  test("reaches gRPC over TLS of its own (v2-tls)", async () => {
    const peer = new GrpcPeer(wayOf("v2-tls").from);
    assert.equal((await peer.check("readiness")).status, 1);
    peer.close();
  });

  test("finds every address up by its own health checks, which carry a header too", async () => {
    await eventually(
      async () => (await statesOf(stats)).join() === "UP L4OK,UP L4OK,UP L4OK,UP L4OK,UP L6OK",
      `HAProxy's servers are up: ${running[0]?.output}`,
      20_000,
    );
    assert.deepEqual(refused, []);
  });
});
