/** Prometheus finds the instances with `http_sd_configs` and `consul_sd_configs`, and keeps them while the daemon knows too little. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { eventually } from "../../support/eventually.js";
import { debian, goPrometheus } from "../install.js";
import { Running } from "../peers.js";
import { PrometheusServer } from "../prometheus-server.js";
import { blockOf, Site } from "./http-site.js";

/** The jobs of docs/discovery.md, by their names. */
function jobsOf(site: Site): readonly [http: object, consul: { readonly consul_sd_configs: readonly object[] }] {
  const text = blockOf("discovery prometheus")
    .replaceAll("healthbridge.example:8500", `127.0.0.1:${site.discoveryPort}`)
    .replaceAll("/run/secrets/discovery", site.path("token"))
    .replaceAll("$TOKEN", site.token)
    .replaceAll(/refresh_interval: \w+/g, "refresh_interval: 1s");
  return parse(text).scrape_configs;
}

/** The proof has the discovery of Consul's services too: its program takes minutes to build. */
const isProof = process.env.DISCOVERY_PROOF === "1";

type Labels = Readonly<Record<string, string>>;

/** Prometheus' own discovery of Consul's services, without the rest of it: Debian builds its Prometheus without that. */
class ConsulDiscovery {
  readonly #running: Running;

  constructor(site: Site, config: object) {
    writeFileSync(site.path("consul-sd.yml"), JSON.stringify(config)); // which is YAML
    this.#running = new Running(goPrometheus(), [site.path("consul-sd.yml")]);
  }

  /** The targets with their labels, as they are now. */
  get targets(): readonly Labels[] {
    const last = this.#running.lines.findLast((line) => line.startsWith("["));
    return last === undefined ? [] : JSON.parse(last);
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

describe("Prometheus", () => {
  let site: Site;
  let prometheus: PrometheusServer;
  let discovery: ConsulDiscovery | undefined;

  before(async () => {
    debian("prometheus"); // before the instances are probed: an installation blocks their thread
    if (isProof) goPrometheus();
    site = await Site.start();
    const [job, { consul_sd_configs }] = jobsOf(site);
    if (isProof) discovery = new ConsulDiscovery(site, consul_sd_configs[0] ?? {});
    prometheus = await PrometheusServer.startJobs([job]);
  });
  after(async () => {
    await prometheus?.stop();
    await discovery?.stop();
    await site?.stop();
  });

  /** `a healthy, b healthy, ...`: the instances by their addresses, each with a label. */
  const show = (targets: readonly Labels[], label: string): string => {
    const nameOf = (address = "") => site.instances.find((each) => each.address === address)?.name;
    return targets
      .map((labels) => `${nameOf(labels.__address__)} ${labels[label]}`)
      .sort()
      .join(", ");
  };
  const http = async () => {
    const targets = await prometheus.targets("orders-http");
    const labels = targets.map(({ discoveredLabels }) => discoveredLabels);
    return show(labels, "__meta_healthbridge_state");
  };
  const ALL_HEALTHY = "a healthy, b healthy, c healthy, d healthy";
  const ALL_PASSING = "a passing, b passing, c passing, d passing";
  const become = async (read: () => string | Promise<string>, wanted: string, withinMs = 15_000) => {
    let last = "";
    const is = async () => {
      last = await read();
      return last === wanted;
    };
    await eventually(is, wanted, withinMs).catch((error) => {
      throw new Error(`${error.message}; it is ${last}`);
    });
  };
  const consulBecomes = async (wanted: string, withinMs?: number) => {
    const consul = discovery;
    if (consul !== undefined) await become(() => show(consul.targets, "__meta_consul_health"), wanted, withinMs);
  };

  test("all instances are found, with their names as labels", async () => {
    await become(http, ALL_HEALTHY);
    await consulBecomes(ALL_PASSING);
    const [target] = await prometheus.targets("orders-http");
    assert.ok(target);
    assert.match(target.discoveredLabels.__meta_healthbridge_check ?? "", /^orders\/\w+$/);
    assert.match(target.discoveredLabels.__meta_healthbridge_meta_instance_name ?? "", /^[abcd]$/);
  });

  test("instances that fail stay targets with another label: one, and all", async () => {
    await site.turn(site.instance("a"), false);
    await consulBecomes(ALL_PASSING.replace("a passing", "a critical"));
    await become(http, ALL_HEALTHY.replace("a healthy", "a unhealthy"));
    await Promise.all(["b", "c", "d"].map((name) => site.turn(site.instance(name), false)));
    await consulBecomes(ALL_PASSING.replaceAll("passing", "critical"));
    await become(http, ALL_HEALTHY.replaceAll("healthy", "unhealthy"));
    await site.recover();
    await consulBecomes(ALL_PASSING);
    await become(http, ALL_HEALTHY);
  });

  test("an instance that leaves the file is no target any more, and one that comes is one", async () => {
    site.writeTargets(site.instances.slice(0, 3));
    await become(http, "a healthy, b healthy, c healthy");
    await consulBecomes("a passing, b passing, c passing");
    site.writeTargets();
    await become(http, ALL_HEALTHY);
    await consulBecomes(ALL_PASSING);
  });

  test("while the daemon is away, and while it answers 503, all targets stay", async () => {
    const stay = async (forMs: number) => {
      for (const end = Date.now() + forMs; Date.now() < end; ) {
        assert.equal((await prometheus.targets("orders-http")).length, 4);
        if (discovery !== undefined) assert.equal(discovery.targets.length, 4);
      }
    };
    await site.stopDaemon();
    await stay(2_500);
    site.breakTargets(); // the daemon knows no instance until it can read the file
    await site.startDaemon();
    for (const path of ["/prometheus/sd/orders", "/v1/health/service/orders"])
      assert.equal((await site.ask(path)).status, 503, path);
    await stay(2_500);
    site.writeTargets(site.instances.slice(0, 2));
    await become(http, "a healthy, b healthy");
    await consulBecomes("a passing, b passing", 40_000); // it waits for 15 s after an error
  });
});
