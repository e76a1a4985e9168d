/**
 * One outage is one alert: Redis, Flower with two Celery workers, healthbridge, and a Prometheus with the rules. The
 * queries of the dashboard are asked of the same Prometheus. For those of discovery there are instances from a file, whose
 * source fails for a time, and clients: an xDS stream that refuses a response, and a blocked query of Consul's API. For those
 * of fleets, healthbridge is the only member of one, on a Redis of its own, and a job reports to it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { certify, createSubject } from "../support/certificates.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { ADS, TYPES, writeDiscoveryRequest } from "../support/xds-messages.js";
import { debian, pythonBin } from "./install.js";
import { accepting, Running, run, startRedis, Target } from "./peers.js";
import { PrometheusServer } from "./prometheus-server.js";

const APPLICATION = fileURLToPath(new URL("flower", import.meta.url));
const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const DASHBOARD = new URL("../../deploy/grafana/healthbridge.json", import.meta.url);

const WITHIN_MS = 60_000;
const TWO = "celery.worker/two@here";

describe("a Celery cluster under the rules", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const file = (name: string) => join(directory, name);
  const programs: Running[] = [];
  const servers: { stop(): void }[] = [];
  let redisPort = 0;
  let flowerPort = 0;
  let discoveryPort = 0;
  let redis: Running;
  let flower: Running;
  let extra: Target;
  let instance: Target;
  const workers: Running[] = [];
  let daemon: DaemonProcess;
  let prometheus: PrometheusServer;
  let reports: NodeJS.Timeout;

  const start = (program: string, args: readonly string[]): Running => {
    const env = {
      BROKER: `redis://127.0.0.1:${redisPort}/0`,
      PYTHONDONTWRITEBYTECODE: "1",
      FLOWER_UNAUTHENTICATED_API: "true",
    };
    const running = new Running(program, args, { cwd: APPLICATION, env });
    programs.push(running);
    return running;
  };
  const celery = (...args: readonly string[]) => start(join(pythonBin(), "celery"), ["-A", "worker", ...args]);
  const startBroker = async () => {
    redis = await startRedis(redisPort);
    programs.push(redis);
  };
  const startFlower = async () => {
    flower = celery("flower", "--address=127.0.0.1", `--port=${flowerPort}`);
    await accepting(flowerPort);
  };
  const startSecure = async (): Promise<string> => {
    const [authority, subject] = [createSubject("authority"), createSubject("server")];
    const cert = certify(subject, { issuer: authority, hosts: ["localhost"] });
    writeFileSync(file("ca.pem"), certify(authority));
    const server: Server = createServer({ key: subject.key, cert }, (_, response) => response.end("OK"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push({ stop: () => void server.close() });
    return `https://localhost:${Object(server.address()).port}/`;
  };
  const writeInstances = () =>
    writeFileSync(file("targets.json"), JSON.stringify([{ targets: [new URL(instance.url).host] }]));
  /** Opens an xDS stream that refuses its first response, and a blocked query. They wait until the test ends. */
  const subscribe = async (t: TestContext) => {
    const peer = new GrpcPeer(discoveryPort);
    const query = new AbortController();
    t.after(() => {
      peer.close();
      query.abort();
    });
    const stream = peer.open(ADS).on("error", () => {});
    const asks = { type_url: TYPES.eds, resource_names: ["orders"] };
    stream.write(frame(writeDiscoveryRequest(asks)));
    stream.once("data", () => {
      const refusal = { response_nonce: "1", error_detail: { message: "refused by the test" } };
      stream.write(frame(writeDiscoveryRequest({ ...asks, ...refusal })));
    });
    const url = `http://127.0.0.1:${discoveryPort}/v1/health/service/orders`;
    const index = (await fetch(url)).headers.get("x-consul-index");
    void fetch(`${url}?index=${index}&wait=5m`, { signal: query.signal }).catch(() => {});
  };
  /** A report of the job: a vote of this member. */
  const report = async () => {
    const headers = { authorization: "Bearer job" };
    const url = `http://127.0.0.1:${daemon.port}/heartbeat/job`;
    assert.equal((await fetch(url, { method: "POST", headers })).status, 200);
  };
  const operate = async (...args: readonly string[]) => {
    const { code, stderr } = await run(process.execPath, [MAIN, ...args, "--control", file("control.sock")]);
    assert.equal(code, 0, stderr);
  };
  /** The firing alerts, as `NAME SERVICE`. */
  const firing = async () =>
    (await prometheus.firing())
      .map(({ labels: { alertname, service = "" } }) => `${alertname} ${service}`.trim())
      .sort();
  const fires = (...expected: readonly string[]) =>
    eventually(async () => (await firing()).join() === [...expected].sort().join(), `firing: ${expected}`, WITHIN_MS);
  const numberOf = async (query: string) => Number((await prometheus.query(query))[0]?.value[1]);
  const statusOf = (service: string, status: string) =>
    numberOf(`grpc_health_service_status{service="${service}",status="${status}"}`);

  before(async () => {
    debian("prometheus"); // before the targets are probed: an installation blocks their thread
    [redisPort, flowerPort, discoveryPort] = [await freePort(), await freePort(), await freePort()];
    const fleetPort = await freePort();
    await startBroker();
    programs.push(await startRedis(fleetPort));
    writeFileSync(file("secret"), "a secret of the fleet");
    for (const name of ["one", "two"])
      workers.push(celery("worker", "--concurrency=1", "--pool=solo", `--hostname=${name}@here`));
    await startFlower();
    extra = await Target.start();
    extra.healthy = false;
    instance = await Target.start();
    servers.push(extra, instance);
    writeInstances();
    const times = "interval: 1s, timeout: 900ms, unhealthyThreshold: 1, healthyThreshold: 1";
    const configuration = `
listen: ["127.0.0.1:0"]
control: ${file("control.sock")}
drainDelay: 0s
discovery: { listen: "127.0.0.1:${discoveryPort}" }
fleet: { name: test, member: m1, store: "redis://127.0.0.1:${fleetPort}", secretFile: ${file("secret")} }
checks:
  orders: { target: "http://{address}/", instances: { file: ${file("targets.json")}, refresh: 1s }, ${times} }
  broker: { target: "redis://127.0.0.1:${redisPort}", ${times} }
  flower: { target: "http://127.0.0.1:${flowerPort}/healthcheck", ${times} }
  workers: { target: "flower+http://127.0.0.1:${flowerPort}", forgetAfter: 5s, staleAfter: 10s, ${times} }
  job: { heartbeat: { ttl: 10s, token: job }, services: [jobs] }
  secure: { target: "${await startSecure()}", tls: { caFile: ${file("ca.pem")} }, ${times} }
  extra: { target: "${extra.url}", critical: false, ${times} }
  spare: { target: "${extra.url}", ${times} }
services:
  celery: [broker, flower, workers]
overall: [celery, secure]
`;
    writeFileSync(file("healthbridge.yaml"), configuration);
    daemon = await DaemonProcess.serve("-c", file("healthbridge.yaml"));
    await operate("drain", "spare");
    await report();
    // each is written to the store again after a tenth of the ttl: so there is a propagation to be seen
    reports = setInterval(() => void report(), 1_000);
    prometheus = await PrometheusServer.start(`127.0.0.1:${daemon.port}`);
  });
  after(async () => {
    clearInterval(reports);
    await prometheus?.stop();
    await daemon?.kill();
    for (const program of programs) await program.stop();
    for (const server of servers) server.stop();
    rmSync(directory, { recursive: true });
  });

  test("a check that is not critical is a warning, and a drained one is no alert", async () => {
    await eventually(async () => (await statusOf("celery", "SERVING")) === 1, "the cluster is SERVING", WITHIN_MS);
    await fires("HealthbridgeMemberDown extra");
    assert.equal(await statusOf("spare", "NOT_SERVING"), 1);
  });

  test("every query of the dashboard returns data from a real scrape", async (t) => {
    await run(process.execPath, [MAIN, "probe", `-addr=127.0.0.1:${daemon.port}`]);
    t.after(writeInstances);
    writeFileSync(file("targets.json"), "{"); // what was found stays
    await subscribe(t);
    const discovery = {
      'instances{service="orders",state="healthy"}': 1,
      'subscribers{form="xds"}': 1,
      'subscribers{form="consul"}': 1,
      pushes_total: 1,
      nacks_total: 1,
    };
    for (const [series, value] of Object.entries(discovery))
      await eventually(
        async () => (await numberOf(`healthbridge_discovery_${series}`)) === value,
        `${series} is ${value}`,
        20_000,
      );
    const { panels, annotations } = JSON.parse(readFileSync(DASHBOARD, "utf8"));
    const queries: readonly string[] = [
      ...panels.flatMap(({ targets }: { targets: [] }) => targets),
      ...annotations.list,
    ].map(({ expr }) => expr);
    assert.ok(queries.length > 20);
    for (const query of queries) {
      const asked = query
        .replaceAll("$job", "healthbridge")
        .replaceAll("$instance", ".*")
        .replaceAll("$__rate_interval", "10s");
      const hasData = async () => {
        const answers = await prometheus.query(asked);
        return answers.length > 0 && answers.every(({ value: [, text] }) => text !== "NaN");
      };
      await eventually(hasData, `data for ${query}`, 20_000);
    }
  });

  test("a worker that is offline and then cleared is no alert", async () => {
    extra.healthy = true;
    await fires();
    await workers[1]?.stop();
    const seen = new Set<string>();
    const watch = async (condition: () => Promise<boolean>) => {
      for (const name of await firing()) seen.add(name);
      return condition();
    };
    await eventually(() => watch(async () => (await statusOf(TWO, "NOT_SERVING")) === 1), "it is offline", WITHIN_MS);
    const isCleared = async () => (await prometheus.query(`grpc_health_service_status{service="${TWO}"}`)).length === 0;
    await eventually(() => watch(isCleared), "it is cleared", WITHIN_MS);
    assert.deepEqual([...seen], []);
  });

  test("an outage of the broker and of Flower is one alert, from its start to its end", async () => {
    await Promise.all([redis.stop(), flower.stop()]);
    const seen = new Set<string>();
    const one = "celery.worker/one@here";
    // long enough for every other consequence: the worker turns UNKNOWN after staleAfter
    await eventually(
      async () => {
        for (const name of await firing()) seen.add(name);
        return (await statusOf(one, "UNKNOWN")) === 1;
      },
      "the worker is UNKNOWN",
      WITHIN_MS,
    );
    await fires("HealthbridgeServiceDown celery");
    assert.deepEqual([...seen], ["HealthbridgeServiceDown celery"]);
    for (const service of ["broker", "flower", "workers", "celery", ""])
      assert.equal(await statusOf(service, "NOT_SERVING"), 1, service);
    await startBroker();
    await startFlower();
    await fires();
    assert.equal(await statusOf("celery", "SERVING"), 1);
  });

  test("a maintenance of the cluster silences its outage, until it is over", async () => {
    await operate("maintenance", "celery", "--for", "1h");
    await eventually(
      async () => (await numberOf('healthbridge_service_maintenance{service="celery"}')) === 1,
      "maintenance",
    );
    redis.signal("SIGSTOP");
    await eventually(async () => (await statusOf("celery", "NOT_SERVING")) === 1, "an outage", WITHIN_MS);
    for (let round = 0; round < 30; round += 1) assert.deepEqual(await firing(), []);
    await operate("maintenance", "celery", "--end");
    await fires("HealthbridgeServiceDown celery");
    redis.signal("SIGCONT");
    await fires();
  });
});
