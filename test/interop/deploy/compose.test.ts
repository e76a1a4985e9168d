/** deploy/compose: the project is valid, its tools read their files, and its services run together as processes. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { eventually } from "../../support/eventually.js";
import { debian, pythonBin } from "../install.js";
import { ComposeProcesses, type Program, type Service } from "./compose-processes.js";
import { DEPLOY, output, VERSION } from "./manifests.js";
import { pageSnippet } from "./pages.js";
import { readers } from "./tools.js";

const FOLDER = join(DEPLOY, "compose");
const MAIN = join(DEPLOY, "../dist/cli/main.cjs");

process.env.FLOWER_PASSWORD = "s3cret";

interface HealthbridgeService extends Service {
  readonly image: string;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly read_only: boolean;
  readonly user: string;
  readonly cap_drop: readonly string[];
  readonly stop_grace_period: string;
}

interface FleetService extends HealthbridgeService {
  readonly hostname: string;
  readonly ports: readonly { readonly published: string }[];
  readonly secrets: readonly object[];
}

const readProject = (): Readonly<Record<string, HealthbridgeService>> =>
  JSON.parse(output(readers(), ["compose", join(FOLDER, "compose.yaml")])).services;

describe("the Compose project", () => {
  test("is one that compose-go reads, with a restricted healthbridge that has time to drain", () => {
    const { healthbridge } = readProject();
    assert.ok(healthbridge !== undefined);
    assert.equal(healthbridge.image, `healthbridge:${VERSION}`);
    const { context, dockerfile } = healthbridge.build;
    assert.ok(existsSync(join(context, dockerfile)), "the Dockerfile is where Compose looks for it");
    assert.deepEqual(
      [healthbridge.read_only, healthbridge.user, healthbridge.cap_drop],
      [true, "65532:65532", ["ALL"]],
    );
    // drainDelay, and at most 11 s to close
    assert.ok(Number(/^(\d+)s$/.exec(healthbridge.stop_grace_period)?.[1]) > 5 + 11);
  });

  test("has a configuration that `healthbridge validate` accepts", () => {
    output(process.execPath, [MAIN, "validate", "-c", join(FOLDER, "healthbridge/healthbridge.yaml")]);
  });

  test("has files of Alertmanager and Grafana that are read, and mounts the dashboard and the rules", () => {
    output(debian("amtool", "prometheus-alertmanager"), ["check-config", join(FOLDER, "prometheus/alertmanager.yml")]);
    const mounts = Object.values(readProject()).flatMap(({ volumes = [] }) => volumes);
    const rules = mounts.find(({ target }) => target.endsWith("/healthbridge.rules.yml"));
    assert.equal(rules?.source, join(DEPLOY, "prometheus/healthbridge.rules.yml"));
    const { providers } = parse(readFileSync(join(FOLDER, "grafana/dashboards/healthbridge.yaml"), "utf8"));
    const dashboards = mounts.find(({ target }) => target === providers[0].options.path);
    assert.equal(dashboards?.source, join(DEPLOY, "grafana"));
    const { datasources } = parse(readFileSync(join(FOLDER, "grafana/datasources/prometheus.yaml"), "utf8"));
    assert.equal(datasources[0].url, "http://prometheus:9090");
    for (const { source } of mounts)
      assert.ok(readFileSync(join(FOLDER, "compose.yaml"), "utf8").includes(basename(source)));
  });
});

describe("the Compose project of a fleet", () => {
  test("has members with names and ports of their own, one configuration, and time to hand over", () => {
    const { redis, ...members }: Readonly<Record<string, FleetService>> = JSON.parse(
      output(readers(), ["compose", join(FOLDER, "fleet.yaml")]),
    ).services;
    assert.ok(redis !== undefined);
    const all = Object.entries(members);
    assert.deepEqual(
      all.map(([name, { hostname }]) => [name, hostname]),
      ["one", "three", "two"].map((name) => [name, name]),
    );
    const ports = all.flatMap(([, { ports: each }]) => each.map(({ published }) => published));
    assert.deepEqual([ports.length, new Set(ports).size], [6, 6]);
    for (const [, { volumes, secrets, stop_grace_period }] of all) {
      assert.deepEqual(secrets, [{ source: "fleet", target: "/run/secrets/fleet" }]);
      assert.equal(volumes?.[0]?.source, join(FOLDER, "fleet"));
      // drainDelay, 5 s for the hand-over, and 11 s to close
      assert.ok(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1]) > 5 + 5 + 11);
    }
    const text = readFileSync(join(FOLDER, "fleet/healthbridge.yaml"), "utf8");
    const folder = mkdtempSync(join(tmpdir(), "hb-compose-"));
    const file = join(folder, "healthbridge.yaml");
    writeFileSync(join(folder, "secret"), "0123456789abcdef", { mode: 0o600 });
    writeFileSync(file, text.replace("/run/secrets/fleet", join(folder, "secret")));
    output(process.execPath, [MAIN, "validate", "-c", file]);
    rmSync(folder, { recursive: true });
  });
});

const ADDRESSES = [
  "redis:6379",
  "flower:5555",
  "healthbridge:50051",
  "healthbridge:8080",
  "prometheus:9090",
  "alertmanager:9093",
];

/** The programs of the images. Grafana has none here. */
const programs = (): Readonly<Record<string, Program>> => ({
  "redis-server": { path: debian("redis-server"), after: ["--bind", "127.0.0.1", "--port", "6379"] },
  "redis-cli": { path: debian("redis-cli", "redis-tools"), before: ["-p", "6379"] },
  celery: { path: join(pythonBin(), "celery") },
  healthbridge: { path: process.execPath, before: [MAIN] },
  prometheus: { path: debian("prometheus"), after: ["--web.listen-address=:9090"] },
  alertmanager: {
    path: debian("prometheus-alertmanager"),
    after: ["--web.listen-address=:9093", "--cluster.listen-address="],
  },
});

describe("the services of the Compose project, as processes", () => {
  let project: ComposeProcesses;
  before(async () => {
    const { healthbridge, ...others } = readProject();
    assert.ok(healthbridge?.command);
    const command = [...healthbridge.command, "--listen", ":50051", "--listen", ":8080"];
    project = await ComposeProcesses.start(
      { ...others, healthbridge: { ...healthbridge, command } },
      programs(),
      ADDRESSES,
    );
  });
  after(() => project?.stop());

  const ask = async (address: string, path: string) =>
    JSON.parse(await (await fetch(`http://127.0.0.1:${project.port(address)}${path}`)).text());

  test("start in their order: beat when the cluster works, and the worker executes its task", () =>
    eventually(
      () => /Task tasks\.tick\[.*succeeded/.test(project.service("worker").output),
      "a task is executed",
      60_000,
    ));

  test("are scraped by Prometheus, which has the rules and knows Alertmanager", async () => {
    const up = async () => (await ask("prometheus:9090", "/api/v1/query?query=up{job='healthbridge'}")).data.result;
    await eventually(async () => (await up())[0]?.value[1] === "1", "healthbridge is scraped", 60_000);
    const { groups } = (await ask("prometheus:9090", "/api/v1/rules")).data;
    assert.deepEqual(
      groups.map(({ name }: { name: string }) => name),
      ["healthbridge"],
    );
    // Prometheus lists an address whether it answers or not
    const managers = async () => (await ask("prometheus:9090", "/api/v1/alertmanagers")).data.activeAlertmanagers;
    await eventually(async () => (await managers()).length === 1, "Alertmanager is named", 60_000);
    const { origin } = new URL((await managers())[0].url);
    assert.equal(
      JSON.parse(await (await fetch(`${origin}/api/v2/status`)).text()).config.original.includes("page"),
      true,
    );
  });

  test("are unhealthy by the healthcheck of healthbridge when Flower is gone", async () => {
    await project.service("flower").stop();
    await eventually(async () => (await project.health("healthbridge")).code === 4, "it is unhealthy", 60_000);
  });
});

test("the snippets of the page are those of the project", () => {
  const { services } = parse(readFileSync(join(FOLDER, "compose.yaml"), "utf8"), { merge: true });
  const { healthcheck } = parse(pageSnippet("compose", "healthcheck"));
  assert.deepEqual(services.healthbridge.healthcheck, healthcheck);
  assert.deepEqual(services.beat.depends_on, parse(pageSnippet("compose", "depends-on")).depends_on);
});
