/** deploy/helm: the chart is valid for several sets of values, refuses wrong ones, and its pod runs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse, stringify } from "yaml";
import { eventually } from "../../support/eventually.js";
import { accepting, type Running, Target } from "../peers.js";
import { type Prepared, prepareRedis } from "../real-servers.js";
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
  VERSION,
} from "./manifests.js";
import { pageSnippet } from "./pages.js";
import { Pod } from "./pod.js";
import { helm } from "./tools.js";

const CHART = join(DEPLOY, "helm/healthbridge");
const MAIN = join(DEPLOY, "../dist/cli/main.cjs");

/** Helm's own default is a version that is older than the chart's oldest one. */
const ARGS = ["--kube-version", "1.30.0", "--values", "-"];

const render = (values: object): readonly Manifest[] =>
  readManifests(output(helm(), ["template", "orders", CHART, ...ARGS], stringify(values)));

/** What Helm says of wrong values. */
function refusal(values: object): string {
  const input = stringify(values);
  const { status, stderr } = spawnSync(helm(), ["template", "orders", CHART, ...ARGS], { input, encoding: "utf8" });
  assert.equal(status, 1);
  return stderr;
}

const CONFIG = {
  checks: {
    orders: { target: "grpc://orders:50051/acme.orders.v1.Orders", interval: "5s" },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own form
    broker: { target: "redis://redis:6379", password: "${file:/etc/healthbridge-secrets/redis/password}" },
  },
  services: { shop: ["orders", "broker"] },
  listLimit: 1_000_000,
};

const ALL = {
  config: CONFIG,
  image: { pullSecrets: [{ name: "registry" }] },
  secrets: ["redis", "shop.token"],
  extraEnv: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "shop", key: "token" } } }],
  extraArgs: ["--log-level=debug"],
  extraVolumes: [{ name: "state", emptyDir: {} }],
  extraVolumeMounts: [{ name: "state", mountPath: "/var/lib/healthbridge" }],
  tls: { secretName: "orders-tls", clientCa: true, allowClients: { uri: ["spiffe://example.org/ns/shop/**"] } },
  service: { annotations: { "example.com/a": "b" } },
  networkPolicy: { enabled: true, egress: [{ to: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }] },
  serviceMonitor: { enabled: true, endpoint: { authorization: { credentials: { name: "shop", key: "token" } } } },
  prometheusRule: { enabled: true },
  serviceAccount: { annotations: { a: "b" } },
  podAnnotations: { a: "b" },
  podLabels: { team: "shop" },
  nodeSelector: { zone: "a" },
  tolerations: [{ key: "a", operator: "Exists" }],
  affinity: { podAntiAffinity: {} },
  priorityClassName: "system-cluster-critical",
};

const NONE = {
  podDisruptionBudget: { enabled: false },
  serviceAccount: { create: false },
  preStopSeconds: 0,
  probes: { readinessView: "readiness" },
};

const FLEET = {
  config: CONFIG,
  replicas: 3,
  fleet: { enabled: true, secretName: "orders-fleet", options: { copies: 3, agree: "majority" } },
};

const SETS: Readonly<Record<string, object>> = {
  "no values": {},
  "every value": ALL,
  "every switch off": NONE,
  "the values of the page": parse(pageSnippet("kubernetes", "values")),
  "the values of a fleet of the page": parse(pageSnippet("kubernetes", "fleet values")),
  "a fleet": FLEET,
  "a fleet of a Deployment": {
    ...FLEET,
    fleet: { ...FLEET.fleet, name: "prod", kind: "Deployment", zoneField: "", storeKey: "url", secretKey: "key" },
    extraEnv: [{ name: "A", value: "b" }],
  },
  "TLS and a ServiceMonitor": { tls: { secretName: "orders-tls" }, serviceMonitor: { enabled: true } },
};

describe("the chart", () => {
  test("passes helm lint", () => {
    output(helm(), ["lint", "--strict", "--kube-version", "1.30.0", CHART]);
  });

  test("has the version of the package", () => {
    const { version, appVersion } = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8"));
    assert.deepEqual([version, appVersion], [VERSION, VERSION]);
  });

  test("has objects that Kubernetes reads, without unknown fields", () =>
    assertSchemas(Object.values(SETS).flatMap(render)));

  for (const [label, values] of Object.entries(SETS)) testManifests(`with ${label}`, () => render(values));

  test("makes every object that is switched on, and no other", () => {
    const kinds = (values: object) =>
      render(values)
        .map(({ kind }) => kind)
        .sort();
    const always = ["ConfigMap", "Deployment", "Service"];
    assert.deepEqual(kinds(NONE), [...always, "Pod"].sort());
    assert.deepEqual(kinds({}), [...always, "Pod", "PodDisruptionBudget", "ServiceAccount"].sort());
    const added = ["NetworkPolicy", "PodDisruptionBudget", "PrometheusRule", "ServiceAccount", "ServiceMonitor"];
    assert.deepEqual(kinds(ALL), [...always, ...added].sort());
  });

  test("writes the configuration as it was given", () => {
    const text = one(render({ config: CONFIG }), "ConfigMap").data?.["healthbridge.yaml"] ?? "";
    assert.deepEqual(parse(text), CONFIG);
  });

  test("lists the clients that may connect", () => {
    const text = one(render(ALL), "ConfigMap").data?.["healthbridge.yaml"] ?? "";
    assert.deepEqual(parse(text).tls.allowClients, { uri: ["spiffe://example.org/ns/shop/**"] });
  });

  test("makes a fleet of a StatefulSet: names, zones and time from the pod, the store and the secret from a Secret", () => {
    const manifests = render(FLEET);
    const { spec } = one(manifests, "StatefulSet");
    assert.equal(Object(spec).podManagementPolicy, "Parallel");
    assert.equal(Object(spec).serviceName, one(manifests, "Service").metadata.name);
    const { pod, container } = podOf(manifests);
    const { fleet, ...rest } = parse(one(manifests, "ConfigMap").data?.["healthbridge.yaml"] ?? "");
    assert.deepEqual(rest, { ...CONFIG, control: "/run/healthbridge/healthbridge.sock" });
    const mounted = container.volumeMounts.find(({ mountPath }) => mountPath === "/run/healthbridge");
    assert.ok(pod.volumes.some(({ name, emptyDir }) => name === mounted?.name && emptyDir !== undefined));
    assert.deepEqual(fleet, {
      ...{ name: "default-orders-healthbridge", copies: 3, agree: "majority" },
      // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the configuration's own form
      ...{ member: "${HEALTHBRIDGE_MEMBER}", zone: "${HEALTHBRIDGE_ZONE}" },
      ...{ store: "${file:/etc/healthbridge-fleet/store}", secretFile: "/etc/healthbridge-fleet/secret" },
      // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the configuration's own form
    });
    const paths = Object(container).env.map(
      (each: { name: string; valueFrom: { fieldRef: { fieldPath: string } } }) => [
        each.name,
        each.valueFrom.fieldRef.fieldPath,
      ],
    );
    assert.deepEqual(paths, [
      ["HEALTHBRIDGE_MEMBER", "metadata.name"],
      ["HEALTHBRIDGE_ZONE", "spec.nodeName"],
    ]);
    assert.equal(pod.terminationGracePeriodSeconds, 35, "5 s for the hand-over");
    assert.deepEqual(
      Object(pod).topologySpreadConstraints.map(({ topologyKey }: { topologyKey: string }) => topologyKey),
      ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
    );
    assert.equal(manifests.filter(({ kind }) => kind === "PodDisruptionBudget").length, 1);
  });

  test("makes a fleet of a Deployment, without a zone, from other keys of the Secret", () => {
    const manifests = render(SETS["a fleet of a Deployment"] ?? {});
    const { pod, container } = podOf(manifests);
    one(manifests, "Deployment");
    const { fleet } = parse(one(manifests, "ConfigMap").data?.["healthbridge.yaml"] ?? "");
    assert.deepEqual([fleet.name, fleet.zone], ["prod", undefined]);
    assert.deepEqual(
      Object(container).env.map(({ name }: { name: string }) => name),
      ["HEALTHBRIDGE_MEMBER", "A"],
    );
    const { secret } = Object(pod.volumes.find(({ name }) => name === "fleet"));
    assert.equal(secret.defaultMode, 0o440, "for the group of the pod alone");
    assert.deepEqual(secret.items, [
      { key: "url", path: "store" },
      { key: "key", path: "secret" },
    ]);
  });

  test("makes no folder for the control socket where the values have one", () => {
    const { pod, container } = podOf(
      render({
        ...FLEET,
        extraVolumes: [{ name: "run", emptyDir: {} }],
        extraVolumeMounts: [{ name: "run", mountPath: "/run/healthbridge/" }],
      }),
    );
    const mounts = Object(container).volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    assert.deepEqual(
      mounts.filter((path: string) => path.startsWith("/run/healthbridge")),
      ["/run/healthbridge/"],
    );
    assert.ok(!pod.volumes.some(({ name }) => name === "healthbridge-control"));
  });

  test("leaves the path of a control socket as it was given", () => {
    const manifests = render({ ...FLEET, config: { ...CONFIG, control: "/tmp/own.sock" } });
    assert.equal(parse(one(manifests, "ConfigMap").data?.["healthbridge.yaml"] ?? "").control, "/tmp/own.sock");
  });

  test("has nothing of a fleet without one", () => {
    const manifests = render(ALL).filter(({ kind }) => kind !== "PrometheusRule"); // its alerts are silent
    assert.doesNotMatch(JSON.stringify(manifests), /fleet|HEALTHBRIDGE_/i);
  });

  test("has a test whose pod is no replica", () => {
    const manifests = render({});
    const { selector } = one(manifests, "Service").spec;
    const { labels } = one(manifests, "Pod").metadata;
    assert.notEqual(labels["app.kubernetes.io/name"], selector?.["app.kubernetes.io/name"]);
  });

  test("has a rule for each alert of deploy/prometheus", () => {
    const rules = parse(readFileSync(join(DEPLOY, "prometheus/healthbridge.rules.yml"), "utf8"));
    assert.deepEqual(one(render(ALL), "PrometheusRule").spec, rules);
  });

  const refusals: readonly (readonly [label: string, values: object, text: RegExp])[] = [
    ["an unknown value", { replica: 1 }, /'replica' not allowed/],
    ["a value of another type", { replicas: "two" }, /'\/replicas'.*want integer/],
    ["an unknown key of the configuration", { config: { lissen: [] } }, /'\/config'.*'lissen' not allowed/],
    [
      "an unknown option of a check",
      { config: { checks: { a: { target: "tcp://h:1", intervall: "5s" } } } },
      /checks\/a/,
    ],
    ["an address, which is the chart's", { config: { listen: [":1"] } }, /config\.listen: the chart sets it/],
    ["a certificate, which is the chart's", { config: { tls: { certFile: "a", keyFile: "b" } } }, /config\.tls: the/],
    [
      "a list of clients without their CA",
      { tls: { secretName: "orders-tls", allowClients: { dns: ["a.example.org"] } } },
      /tls\.allowClients needs tls\.secretName and tls\.clientCa/,
    ],
    ["a fleet without its Secret", { fleet: { enabled: true } }, /fleet\.secretName: name a Secret/],
    [
      "a fleet that is written twice",
      { ...FLEET, config: { fleet: { name: "a", store: "redis://h" } } },
      /config\.fleet: the chart sets it/,
    ],
    [
      "a key of the fleet that is the chart's",
      { fleet: { ...FLEET.fleet, options: { member: "a" } } },
      /'\/fleet\/options'.*'member' not allowed/,
    ],
    [
      "a fleet with a name that healthbridge would refuse in the pod",
      { fleet: { ...FLEET.fleet, name: "n".repeat(64) } },
      /fleet\.name: at most 63 characters/,
    ],
    ["an unknown kind", { fleet: { ...FLEET.fleet, kind: "DaemonSet" } }, /fleet\/kind/],
    ["a view that is about nothing", { probes: { readinessView: "startup" } }, /readinessView/],
  ];
  for (const [label, values, text] of refusals) test(`refuses ${label}`, () => assert.match(refusal(values), text));
});

describe("the pod of the chart", () => {
  const read = (name: string) => readFileSync(join(FIXTURES, name), "utf8");
  const secrets = {
    "orders-tls": { "tls.crt": read("server.crt"), "tls.key": read("server.key"), "ca.crt": read("ca.crt") },
    token: { token: "s3cret\n" },
  };
  let target: Target;
  let pod: Pod;
  before(async () => {
    target = await Target.start();
    const config = { checks: { shop: target.url }, tokenFile: "/etc/healthbridge-secrets/token/token" };
    const manifests = render({ config, tls: { secretName: "orders-tls" }, secrets: ["token"] });
    assert.equal(podOf(manifests).container.startupProbe.grpc.port, 50052);
    pod = await Pod.start(manifests, { secrets });
  });
  after(async () => {
    await pod?.remove();
    target?.stop();
  });

  test("is alive, and is ready", async () => {
    assert.equal(await pod.probe("livenessProbe"), "success: service healthy");
    assert.equal(await pod.probe("readinessProbe"), "success: service healthy");
  });

  test("takes its token from the Secret", async () => {
    const metrics = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const options = { port: pod.port(8080), path: "/metrics", headers, rejectUnauthorized: false };
      const [response] = await once(get({ host: "127.0.0.1", ...options }), "response");
      response.resume();
      return response.statusCode;
    };
    assert.deepEqual([await metrics("wrong"), await metrics("s3cret")], [401, 200]);
  });

  test("shows the overall status alone on the port of the probes", async () => {
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${pod.port(50052)}${path}`)).status;
    const paths = ["/readyz", "/healthcheck/shop", "/metrics", "/events"];
    assert.deepEqual(await Promise.all(paths.map(status)), [200, 404, 404, 404]);
  });
});

describe("the pod of a fleet", () => {
  let folder: string;
  let prepared: Prepared;
  let redis: Running;
  let pod: Pod;
  let target: Target;
  const variables = { HEALTHBRIDGE_MEMBER: "orders-healthbridge-0", HEALTHBRIDGE_ZONE: "node-1" };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "healthbridge-helm-"));
    prepared = await prepareRedis(folder);
    redis = prepared.start();
    await accepting(prepared.port);
    target = await Target.start();
    Object.assign(process.env, variables); // kubelet sets them
    const secrets = { "orders-fleet": { store: `${prepared.url({ path: "/0" })}\n`, secret: "0123456789abcdef\n" } };
    const manifests = render({ ...FLEET, config: { checks: { shop: target.url } } });
    pod = await Pod.start(manifests, { secrets });
  });
  after(async () => {
    for (const name of Object.keys(variables)) delete process.env[name];
    await pod?.remove();
    target?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is a member under the name of the pod, in the zone of its node", async () => {
    await eventually(async () => (await pod.probe("startupProbe")) === "success: service healthy", "it has started");
    const page = await fetch(`http://127.0.0.1:${pod.port(8080)}/`, { headers: { accept: "text/html" } });
    assert.match(
      await page.text(),
      /<h2>Fleet default-orders-healthbridge<\/h2>.*<th scope="row">orders-healthbridge-0<\/th><td>node-1<\/td><td class="state">alive</s,
    );
  });

  test("answers `healthbridge members` in its container", () => {
    // the image has its configuration in the working directory
    const { stdout } = spawnSync(process.execPath, [MAIN, "members"], {
      ...{ cwd: pod.path("/etc/healthbridge"), encoding: "utf8" },
    });
    assert.match(stdout, /orders-healthbridge-0/);
  });
});
