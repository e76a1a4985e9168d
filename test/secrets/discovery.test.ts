/**
 * The addresses of instances and the token of discovery are shown by no other listener, and the token is in no log. Needs
 * the build.
 *
 *     targets.json --> serve --> discovery: addresses, with the token
 *                        '-----> pages, events, metrics, JSON, List, history, badges: names, states, reasons alone
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { run as runProgram } from "../cli/program.js";
import { eventually } from "../support/eventually.js";
import { assertClean, start } from "./planted.js";
import { SECRETS } from "./traces.js";

const folder = mkdtempSync(join(tmpdir(), "hb-discovery-secrets-"));
after(() => rmSync(folder, { recursive: true }));

/** Addresses that refuse, that do not exist and that have no route, the label of a target, and where traffic goes. */
const HIDDEN = ["127.0.0.77", "48077", "orders-77.invalid", "48078", "fd00:77", "48079", "rack-77", "48443"];

const TARGETS = [
  { targets: ["127.0.0.77:48077", "orders-77.invalid:48078"], labels: { rack: "rack-77" } },
  { targets: ["[fd00:77::77]:48079"] },
];

/** What comes within 3 s, or until the end. */
function get(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let text = JSON.stringify(response.headers);
      response.on("data", (bytes) => {
        text += bytes;
      });
      response.once("close", () => resolve(text));
      setTimeout(() => response.destroy(), 3_000).unref();
    });
    call.once("error", reject).end();
  });
}

/** The details of the status of a stream that a token opens. */
function openXds(port: number, token: string): Promise<string> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  const bytes = (message: Buffer) => message;
  const path = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints";
  const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata);
  return new Promise<string>((resolve) => {
    call.on("status", ({ code, details }) => resolve(`${code} ${details}`));
    call.on("error", () => {}); // `status` follows
    call.on("data", () => {});
    call.end();
  }).finally(() => client.close());
}

test("addresses of instances and the token of discovery are on no other listener, and the token in no log", {
  timeout: 60_000,
}, async () => {
  const [wrong = "", token = "", other = ""] = SECRETS;
  writeFileSync(join(folder, "token"), token, { mode: 0o600 });
  writeFileSync(join(folder, "targets.json"), JSON.stringify(TARGETS));
  const file = join(folder, "serve.yaml");
  const check = { target: "tcp://{address}", advertise: "{host}:48443", interval: "1s", timeout: "900ms" };
  const config = {
    listen: ["127.0.0.1:0"],
    drainDelay: "0s",
    discovery: { listen: "127.0.0.1:0", tokenFile: join(folder, "token") },
    checks: { orders: { ...check, unhealthyThreshold: 1, instances: { file: join(folder, "targets.json") } } },
    services: { shop: ["orders"] },
  };
  writeFileSync(file, JSON.stringify(config));
  const daemon = start(["serve", "-c", file, "--log-level", "debug"], {});
  try {
    const failed = () => daemon.output.match(/"name":"orders\/\w+","from":"pending","to":"failing"/g)?.length ?? 0;
    await eventually(() => daemon.isEnded || failed() === 3, "each instance has failed", 30_000);
    assert.ok(!daemon.isEnded, daemon.output.slice(0, 2_000));
    const portOf = (event: string) =>
      Number(new RegExp(`"event":"${event}","addresses":\\["127\\.0\\.0\\.1:(\\d+)"`).exec(daemon.output)?.[1]);
    const [port, discovery] = [portOf("serving"), portOf("discovery")];

    const instances = () => get(discovery, "/v1/instances/orders", { "x-consul-token": token });
    await eventually(async () => (await instances()).includes('"orders"'), "the instances are known"); // 503 until then
    const told = [
      await instances(),
      await get(discovery, `/prometheus/sd?token=${encodeURIComponent(token)}`),
      await get(discovery, "/v1/health/service/shop", { authorization: `Bearer ${token}` }),
    ].join("\n");
    for (const text of ["127.0.0.77", "orders-77.invalid", "fd00:77::77", "rack-77", "48443"])
      assert.ok(told.includes(text), `discovery tells ${text}`);
    assertClean(told, "what discovery tells");
    for (const bad of [wrong, `${token}x`, other]) {
      assertClean(await get(discovery, "/v1/instances", { "x-consul-token": bad }), "a wrong header");
      assertClean(await get(discovery, `/v1/instances?token=${encodeURIComponent(bad)}`), "a wrong parameter");
      assertClean(await openXds(discovery, bad), "a wrong token over xDS");
    }
    assert.match(await openXds(discovery, token), /^0 /);

    const list = await runProgram("list", `127.0.0.1:${port}`, "--json");
    const [name = ""] = /orders\/\w+/.exec(list.stdout) ?? [];
    const service = encodeURIComponent(name);
    const html = { accept: "text/html" };
    const json = { accept: "application/json" };
    const stranger = { authorization: `Bearer ${token}`, ...html };
    const shown: (readonly [string, string])[] = [["List", list.stdout]];
    for (const [path, headers] of [
      ...["/", "/?service=orders", "/?service=shop", "/?service=", `/?service=${service}`].map((at) => [at, html]),
      ...["/healthcheck", "/healthcheck/orders", "/readyz", "/startupz"].map((at) => [at, json]),
      ...["/readyz?verbose", "/metrics", "/badge.svg?service=orders", `/badge/${service}.svg`].map((at) => [at, {}]),
      ...["/history", "/history?service=shop", `/history?service=${service}`].map((at) => [at, json]),
      ["/events?last-event-id=0", { accept: "text/event-stream", "last-event-id": "0" }],
      ["/events", { accept: "text/event-stream" }],
      ["/", stranger],
      [`/x?token=${encodeURIComponent(token)}`, html],
    ] as readonly (readonly [string, Readonly<Record<string, string>>])[])
      shown.push([path, await get(port, path, headers)]);
    for (const [path, text] of shown) {
      assert.ok(text.length > 0, path);
      assertClean(text.replace(/<link rel="icon"[^>]*>/, ""), path);
      for (const hidden of HIDDEN) assert.ok(!text.includes(hidden), `${path} shows ${hidden}`);
    }
    for (const path of ["/", "/?service=orders", "/readyz?verbose", "/metrics", "/healthcheck", "/events"])
      assert.ok(
        shown.some(([at, text]) => at === path && text.includes(name)),
        `${path} has the instance ${name}`,
      );

    daemon.child.kill("SIGTERM");
    await eventually(() => daemon.isEnded, "the daemon ends", 30_000);
    assertClean(daemon.output, "the log");
    assert.ok(daemon.output.includes("127.0.0.77"), "an operator's log may have the addresses");
  } finally {
    daemon.child.kill("SIGKILL");
  }
});
