/** Envoy with the README's health checks, over gRPC and over HTTP, on one port. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { portOf } from "../support/port-of.js";
import { snippet } from "../support/readme.js";
import { describeEngines } from "./engines.js";
import { envoy } from "./install.js";
import { accepting, Running } from "./peers.js";

/** The snippet with HTTP/2 asked for: Envoy checks over HTTP/1 by default. */
function overHttp2(checks: string): string {
  const changed = checks.replace(
    /http_health_check: \{ (.*) \}/,
    "http_health_check: { $1, codec_client_type: HTTP2 }",
  );
  assert.notEqual(changed, checks, "the README's snippet has an http_health_check on one line");
  return changed;
}

/** A cluster of one endpoint, with a snippet of the README. Without traffic Envoy would check once a minute. */
function cluster(name: string, port: number, checks: string, http2: boolean): string {
  const options = http2
    ? `
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }`
    : "";
  const quick = checks.replace(/^( +)interval: 2s$/m, "$1interval: 2s\n$1no_traffic_interval: 1s");
  return `
  - name: ${name}
    connect_timeout: 1s
    type: STATIC
    load_assignment:
      cluster_name: ${name}
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }]${options}
${quick.replace(/^/gm, "    ")}`;
}

type Flags = Readonly<Record<string, unknown>>;

describeEngines("Envoy", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  let running: Running | undefined;
  let admin = 0;

  /** What Envoy thinks of a cluster's endpoint. */
  const flags = async (name: string): Promise<Flags> => {
    const answer = await fetch(`http://127.0.0.1:${admin}/clusters?format=json`);
    const body: unknown = await answer.json();
    const clusters: { name: string; host_statuses?: { health_status: Flags }[] }[] = Object(body).cluster_statuses;
    return clusters.find((each) => each.name === name)?.host_statuses?.[0]?.health_status ?? {};
  };
  const becomes = (name: string, what: string, holds: (flags: Flags) => boolean) =>
    eventually(async () => holds(await flags(name)), `${name}: ${what}`, 40_000);
  const healthy = (found: Flags) => found.eds_health_status === "HEALTHY" && Object.keys(found).length === 1;

  before(async () => {
    health.set("flower", "SERVING");
    const server = await health.listen(["127.0.0.1:0"], { engine });
    const port = portOf(server);
    admin = await freePort();
    const config = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${admin} } } }
static_resources:
  clusters:${cluster("grpc", port, snippet("envoy-grpc"), true)}${cluster("http", port, snippet("envoy-http"), false)}${cluster("http2", port, overHttp2(snippet("envoy-http")), true)}
`;
    writeFileSync(join(directory, "envoy.yaml"), config);
    running = new Running(envoy(), [
      "-c",
      join(directory, "envoy.yaml"),
      "--disable-hot-restart", // else each run leaves a file in /dev/shm
      "--concurrency",
      "1",
      "-l",
      "warn",
    ]);
    await accepting(admin);
  });
  after(async () => {
    await running?.stop();
    await health.shutdown({ drainDelayMs: 0 });
    rmSync(directory, { recursive: true });
  });

  const CLUSTERS = ["grpc", "http", "http2"];

  test("a SERVING backend is healthy", async () => {
    for (const name of CLUSTERS) await becomes(name, "healthy", healthy);
  });

  test("a backend that is NOT_SERVING is ejected, and returns", async () => {
    health.set("flower", "NOT_SERVING");
    for (const name of CLUSTERS) await becomes(name, "ejected", (found) => found.failed_active_health_check === true);
    health.set("flower", "SERVING");
    for (const name of CLUSTERS) await becomes(name, "back", healthy);
  });

  test("a degraded backend is marked as degraded over HTTP, and healthy over gRPC", async () => {
    health.set("flower", "SERVING", { degraded: true });
    for (const name of ["http", "http2"])
      await becomes(name, "degraded", (found) => found.failed_active_degraded_check === true);
    assert.ok(healthy(await flags("grpc")));
    health.set("flower", "SERVING");
    for (const name of CLUSTERS) await becomes(name, "healthy again", healthy);
  });

  test("a draining backend gets no more traffic, and returns after a resume", async () => {
    health.drain();
    await becomes("grpc", "ejected", (found) => found.failed_active_health_check === true);
    for (const name of ["http", "http2"]) {
      await becomes(
        name,
        "drained",
        (found) => found.failed_active_health_check === true && found.excluded_via_immediate_hc_fail === true,
      );
    }
    health.resume();
    for (const name of CLUSTERS) await becomes(name, "back", healthy);
  });
});
