/** Manifests of Kubernetes as Kustomize and Helm print them, and what each of them must fulfil. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { pythonTool, readers } from "./tools.js";

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

export const DEPLOY = path("deploy/");
export const FIXTURES = path("test/fixtures/tls/");
const MAIN = path("dist/cli/main.cjs");
export const { version: VERSION }: { version: string } = JSON.parse(readFileSync(path("package.json"), "utf8"));

/** The oldest version that has `preStop` with `sleep`, and the newest whose schemas can be had. */
const KUBERNETES_VERSIONS = ["1.30", "1.37"];

/** The kinds of the Prometheus operator, which Kubernetes' own schemas do not have. */
const MONITORING = ["ServiceMonitor", "PrometheusRule"];

export interface Probe {
  readonly grpc: { readonly port: number; readonly service: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: { readonly limits: object; readonly requests: object };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
}

export interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly volumes: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
    readonly emptyDir?: object;
  }[];
}

type Labels = Readonly<Record<string, string>>;

/** An object of Kubernetes: the fields that are looked at here. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Labels };
  readonly data?: Labels;
  readonly spec: {
    readonly selector?: Readonly<Record<string, string | Labels>>;
    readonly podSelector?: { readonly matchLabels: Labels };
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
    readonly endpoints: readonly { readonly port: string; readonly scheme?: string }[];
  };
}

/** Runs a program to its end; returns its stdout. */
export function output(program: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

export function readManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document): Manifest | null => document.toJS())
    .filter((manifest) => manifest !== null);
}

export function one(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((each) => each.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0] ?? assert.fail();
}

/** What makes the pods: a Deployment, or a StatefulSet. */
const WORKLOADS = ["Deployment", "StatefulSet"];

export function workload(manifests: readonly Manifest[]): Manifest {
  const [found = assert.fail("no workload"), ...more] = manifests.filter(({ kind }) => WORKLOADS.includes(kind));
  assert.deepEqual(more, []);
  return found;
}

/** The pod of a Deployment or StatefulSet, and the container healthbridge in it. */
export function podOf(manifests: readonly Manifest[]): { readonly pod: PodSpec; readonly container: Container } {
  const pod = workload(manifests).spec.template.spec;
  return { pod, container: pod.containers.find(({ name }) => name === "healthbridge") ?? assert.fail() };
}

/** Each object has the form that Kubernetes or the Prometheus operator reads, without unknown fields. */
export function assertSchemas(manifests: readonly Manifest[]): void {
  const [ofOperator, ofKubernetes] = [true, false].map((wanted) =>
    manifests.filter(({ kind }) => MONITORING.includes(kind) === wanted),
  );
  for (const manifest of ofOperator ?? []) output(readers(), ["monitoring"], JSON.stringify(manifest));
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-manifests-"));
  const file = join(folder, "manifests.yaml");
  writeFileSync(file, (ofKubernetes ?? []).map((manifest) => `---\n${JSON.stringify(manifest)}\n`).join(""));
  for (const version of KUBERNETES_VERSIONS)
    output(pythonTool("kubernetes-validate"), ["--strict", "-k", version, "--quiet", file]);
  rmSync(folder, { recursive: true });
}

/** Tests one set of manifests. */
export function testManifests(label: string, render: () => readonly Manifest[]): void {
  test(`${label} has configurations that \`healthbridge validate\` accepts`, () => assertConfigsValid(render()));
  test(`${label} has selectors and ports that fit its pods`, () => assertSelected(render()));
  test(`${label} has pods that the profile \`restricted\` of Kubernetes admits`, () => assertAdmitted(render()));
  test(`${label} has a restricted pod that is probed by its views and has time to drain`, () =>
    assertHardened(render()));
}

/** The code of Kubernetes' own admission controller forbids nothing of the pods. */
function assertAdmitted(manifests: readonly Manifest[]): void {
  const pods = manifests.flatMap((manifest): readonly object[] => {
    if (manifest.kind === "Pod") return [manifest];
    return WORKLOADS.includes(manifest.kind) ? [manifest.spec.template] : [];
  });
  assert.ok(pods.length > 0);
  for (const pod of pods) output(readers(), ["restricted"], JSON.stringify(pod));
}

/** Each ConfigMap has a healthbridge.yaml that `healthbridge validate` accepts. The certificate is one of the fixtures. */
function assertConfigsValid(manifests: readonly Manifest[]): void {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-configs-"));
  const configs = manifests.filter(({ kind }) => kind === "ConfigMap").map(({ data }) => data?.["healthbridge.yaml"]);
  assert.ok(configs.length > 0);
  configs.forEach((text = "", index) => {
    const file = join(folder, `${index}.yaml`);
    const here = text.replaceAll("/etc/healthbridge-tls/tls.", `${FIXTURES}server.`);
    const fleet = here.replaceAll("/etc/healthbridge-fleet/secret", `${FIXTURES}ca.crt`); // any file with a text
    writeFileSync(file, fleet.replaceAll("/etc/healthbridge-tls/", FIXTURES));
    output(process.execPath, [MAIN, "validate", "--no-env", "-c", file]);
  });
  rmSync(folder, { recursive: true });
}

/** The longest end of healthbridge after SIGTERM: the default of drainDelay, and 11 s to close. */
const END_SECONDS = 5 + 11;

/** The pod is restricted, stops in time, and is probed by its own views. */
function assertHardened(manifests: readonly Manifest[]): void {
  const { pod, container } = podOf(manifests);
  assert.match(container.image, new RegExp(`(?:^|/)healthbridge:${VERSION}$`));
  assert.equal(pod.automountServiceAccountToken, false);
  const security = { ...pod.securityContext, ...container.securityContext };
  assertHas(security, {
    runAsNonRoot: true,
    runAsUser: 65532,
    seccompProfile: { type: "RuntimeDefault" },
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assert.ok("memory" in container.resources.limits && "memory" in container.resources.requests);
  assert.ok(container.volumeMounts.every(({ subPath }) => subPath === undefined));
  const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
  assert.ok(pod.terminationGracePeriodSeconds >= preStop + END_SECONDS);
  const { startupProbe, readinessProbe, livenessProbe } = container;
  assert.equal(startupProbe.grpc.service, "startup");
  assert.equal(livenessProbe.grpc.service, "liveness");
  assert.match(readinessProbe.grpc.service, /^(?:liveness|readiness)$/);
}

/** Every selector matches the pods of the Deployment, and every port that is named exists. */
function assertSelected(manifests: readonly Manifest[]): void {
  const { template } = workload(manifests).spec;
  const selectors = manifests.flatMap(({ kind, spec }) => (kind === "Pod" ? [] : labelsOf(spec)));
  assert.ok(selectors.length >= 2);
  for (const labels of selectors) assertHas(template.metadata.labels, labels);
  const ofPods = template.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name));
  const { ports } = one(manifests, "Service").spec;
  for (const { targetPort } of ports) assert.ok(ofPods.includes(targetPort), targetPort);
  const scraped = manifests.filter(({ kind }) => kind === "ServiceMonitor").flatMap(({ spec }) => spec.endpoints);
  for (const { port } of scraped) assert.ok(ports.some(({ name }) => name === port));
}

/** The labels that an object selects. */
function labelsOf({ selector, podSelector }: Manifest["spec"] = Object()): readonly object[] {
  const matchLabels = selector?.matchLabels;
  const found = typeof matchLabels === "object" ? matchLabels : selector;
  return [found, podSelector?.matchLabels].filter((labels) => labels !== undefined);
}

function assertHas(actual: object, expected: object): void {
  const known: Readonly<Record<string, unknown>> = { ...actual };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(known[key], value, key);
}
