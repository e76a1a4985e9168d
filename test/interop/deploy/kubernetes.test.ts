/** deploy/kubernetes: what Kustomize makes of it is valid, and its pods run as kubelet would run them. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../support/eventually.js";
import { Target } from "../peers.js";
import {
  assertSchemas,
  DEPLOY,
  FIXTURES,
  type Manifest,
  one,
  output,
  podOf,
  readManifests,
  testManifests,
  workload,
} from "./manifests.js";
import { pageSnippet } from "./pages.js";
import { Pod } from "./pod.js";
import { pythonTool } from "./tools.js";

const overlays = readdirSync(join(DEPLOY, "kubernetes/overlays")).map((name) => `overlays/${name}`);
const FOLDERS = ["base", "fleet", ...overlays];

const build = (folder: string): readonly Manifest[] =>
  readManifests(output(pythonTool("kubectl"), ["kustomize", join(DEPLOY, "kubernetes", folder)]));

const fixture = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");

/** An address where no server listens. */
const DOWN = "http://127.0.0.1:1/";

describe("Kustomize", () => {
  test("every overlay has objects that Kubernetes reads, without unknown fields", () =>
    assertSchemas(FOLDERS.flatMap(build)));

  for (const folder of FOLDERS) testManifests(folder, () => build(folder));

  test("a fleet keeps its names, knows its nodes, and shows its secret to its group alone", () => {
    const manifests = build("fleet");
    assert.equal(workload(manifests).kind, "StatefulSet");
    const { pod, container } = podOf(manifests);
    const text = one(manifests, "ConfigMap").data?.["healthbridge.yaml"] ?? "";
    assert.match(text, /^ {2}zone: "\$\{HEALTHBRIDGE_ZONE\}"$/m);
    const [zone] = Object(container).env;
    assert.deepEqual([zone.name, zone.valueFrom.fieldRef.fieldPath], ["HEALTHBRIDGE_ZONE", "spec.nodeName"]);
    assert.equal(Object(pod.volumes.find(({ name }) => name === "fleet")).secret.defaultMode, 0o440);
    const socket = /^control: (\S+)/m.exec(text)?.[1] ?? "";
    const mounted = container.volumeMounts.find(({ mountPath }) => mountPath === dirname(socket));
    assert.ok(pod.volumes.some(({ name, emptyDir }) => name === mounted?.name && emptyDir !== undefined));
    // preStop and drainDelay, 5 s for the hand-over, and 11 s to close
    assert.ok(Object(pod).terminationGracePeriodSeconds > 5 + 5 + 5 + 11);
  });

  test("the overlay of the page replaces configuration and image", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-overlay-"));
    t.after(() => rmSync(folder, { recursive: true }));
    cpSync(join(DEPLOY, "kubernetes"), join(folder, "deploy/kubernetes"), { recursive: true });
    mkdirSync(join(folder, "mine"));
    writeFileSync(join(folder, "mine/kustomization.yaml"), pageSnippet("kubernetes", "overlay"));
    const config = "checks: { shop: tcp://shop:80 }\n";
    writeFileSync(join(folder, "mine/healthbridge.yaml"), config);
    const manifests = readManifests(output(pythonTool("kubectl"), ["kustomize", join(folder, "mine")]));
    assertSchemas(manifests);
    assert.deepEqual(one(manifests, "ConfigMap").data, { "healthbridge.yaml": config });
    assert.equal(podOf(manifests).container.image, "registry.example.com/healthbridge:0.1.0");
  });

  test("overlays/tls changes every place that names a protocol", () => {
    const manifests = build("overlays/tls");
    const { container } = podOf(manifests);
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe])
      assert.equal(probe.grpc.port, 50052);
    assert.ok(container.args.includes("--listen=open://:50052"), "the port without TLS shows no names");
    const { endpoints } = manifests.find(({ kind }) => kind === "ServiceMonitor")?.spec ?? assert.fail();
    assert.equal(endpoints[0]?.scheme, "https");
  });
});

describe("the pod of overlays/flower-sidecar", () => {
  let flower: Target;
  let pod: Pod;
  before(async () => {
    flower = await Target.start();
    pod = await Pod.start(build("overlays/flower-sidecar"), { words: { "http://127.0.0.1:5555/": flower.url } });
  });
  after(async () => {
    await pod?.remove();
    flower?.stop();
  });

  test("has started and is ready when Flower answers", async () => {
    await eventually(async () => (await pod.probe("startupProbe")).startsWith("success"), "it has started");
    assert.equal(await pod.probe("readinessProbe"), "success: service healthy");
  });

  test("applies a changed ConfigMap, leaves its Services when Flower is down, and is not restarted", async () => {
    pod.mount({ [flower.url]: DOWN });
    const notReady = 'failure: service unhealthy (responded with "NOT_SERVING")';
    await eventually(async () => (await pod.probe("readinessProbe")) === notReady, "it is not ready");
    assert.equal(await pod.probe("livenessProbe"), "success: service healthy");
  });
});

describe("the pod of base", () => {
  let pod: Pod;
  before(async () => {
    const words = { "http://flower:5555/": DOWN, "redis://redis:6379": "redis://127.0.0.1:1" };
    pod = await Pod.start(build("base"), { words });
  });
  after(() => pod?.remove());

  test("starts and is ready although its targets are down, so that clients can read NOT_SERVING", async () => {
    await eventually(async () => (await pod.probe("startupProbe")).startsWith("success"), "it has started");
    assert.equal(await pod.probe("readinessProbe"), "success: service healthy");
    const answer = await fetch(`http://127.0.0.1:${pod.port(8080)}/healthcheck/celery`);
    assert.deepEqual([answer.status, await answer.text()], [503, "NOT_SERVING"]);
  });

  test("ends by itself before kubelet would kill it", async () => {
    const { code, seconds } = await pod.terminate();
    assert.equal(code, 0);
    assert.ok(seconds >= 5 && seconds < 16, `${seconds} s`);
  });
});

describe("the pod of overlays/tls", () => {
  const certificate = {
    "tls.crt": fixture("server.crt"),
    "tls.key": fixture("server.key"),
    "ca.crt": fixture("ca.crt"),
  };
  let pod: Pod;
  before(async () => {
    pod = await Pod.start(build("overlays/tls"), { secrets: { "healthbridge-tls": certificate } });
  });
  after(() => pod?.remove());

  test("serves TLS on its ports, and is probed without TLS on another one", async () => {
    assert.equal(await pod.probe("livenessProbe"), "success: service healthy");
    await assert.rejects(fetch(`http://127.0.0.1:${pod.port(8080)}/livez`));
    const port = String(pod.port(50051));
    output(process.execPath, [
      join(DEPLOY, "../dist/cli/grpc-health-probe.cjs"),
      ...[`-addr=127.0.0.1:${port}`, "-service=liveness", "-tls", `-tls-ca-cert=${join(FIXTURES, "ca.crt")}`],
      "-tls-server-name=localhost",
    ]);
  });
});
