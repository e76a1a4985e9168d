/**
 * Envoy as a proxy in front of a health server, without a retry policy: Checks and reflection calls share its connections,
 * and no call fails.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { envoy, goClient } from "./install.js";
import { accepting, Running } from "./peers.js";

const configOf = (listenPort: number, serverPort: number): string => `
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${listenPort} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: proxy
          codec_type: HTTP2
          route_config:
            virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: health } }] }]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: health
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: health
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${serverPort} } } } }] }]
`;

describeEngines("Envoy as a proxy", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  let running: Running | undefined;
  let proxyPort = 0;

  before(async () => {
    health.set("up", "SERVING");
    const server = await health.listen(["127.0.0.1:0"], { engine });
    proxyPort = await freePort();
    writeFileSync(join(directory, "envoy.yaml"), configOf(proxyPort, portOf(server)));
    const config = join(directory, "envoy.yaml");
    running = new Running(envoy(), ["-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "warn"]);
    await accepting(proxyPort);
  });
  after(async () => {
    await running?.stop();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
    rmSync(directory, { recursive: true });
  });

  for (let round = 1; round <= 3; round += 1)
    test(`220 calls of health and reflection, mixed at random: none fails (round ${round})`, async () => {
      const client = new Running(goClient(), ["mixed-channel", `127.0.0.1:${proxyPort}`, "mixed"]);
      try {
        await eventually(() => client.ended, "the client ends", 60_000);
        assert.deepEqual(client.lines, ["ok"]);
      } finally {
        await client.stop();
      }
    });
});
