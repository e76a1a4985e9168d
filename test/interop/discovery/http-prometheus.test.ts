/** Prometheus finds the instances with `http_sd_configs` and `consul_sd_configs`, and keeps them while the daemon knows too little. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { ALL_PAGES } from "../../docs/markdown.js";
import { eventually } from "../../support/eventually.js";
import { PrometheusServer } from "../prometheus-server.js";
import { Site } from "./http-site.js";

/** The jobs of docs/discovery.md. */
function jobsOf(site: Site): readonly object[] {
  const block = ALL_PAGES.flatMap(({ blocks }) => blocks).find(({ name }) => name === "discovery prometheus");
  assert.ok(block);
  const text = block.code
    .replaceAll("healthbridge.example:8500", `127.0.0.1:${site.discoveryPort}`)
    .replaceAll("/run/secrets/discovery", site.path("token"))
    .replaceAll("$TOKEN", site.token)
    .replaceAll(/refresh_interval: \w+/g, "refresh_interval: 1s");
  return parse(text).scrape_configs;
}

describe("Prometheus", () => {
  let site: Site;
  let prometheus: PrometheusServer;

  before(async () => {
    site = await Site.start();
    await eventually(async () => (await site.ask("/v1/instances/orders")).ok, "the instances are known");
    prometheus = await PrometheusServer.startJobs(jobsOf(site));
  });
  after(async () => {
    await prometheus?.stop();
    await site?.stop();
  });

  /** `a healthy, b healthy, ...` of a job, by a label. */
  const seen = async (job: string, label: string): Promise<string> => {
    const targets = await prometheus.targets(job);
    const words = targets.map(({ scrapeUrl, discoveredLabels, labels }) => {
      const name = site.instances.find(({ address }) => scrapeUrl.includes(address))?.name;
      return `${name} ${labels[label] ?? discoveredLabels[label]}`;
    });
    return words.sort().join(", ");
  };
  const http = () => seen("orders-http", "__meta_healthbridge_state");
  const consul = () => seen("orders-consul", "__meta_consul_health");
  const ALL_HEALTHY = "a healthy, b healthy, c healthy, d healthy";
  const ALL_PASSING = "a passing, b passing, c passing, d passing";
  const become = async (read: () => Promise<string>, wanted: string, withinMs = 15_000) => {
    let last = "";
    const is = async () => {
      last = await read();
      return last === wanted;
    };
    await eventually(is, wanted, withinMs).catch((error) => {
      throw new Error(`${error.message}; it is ${last}`);
    });
  };

  test("both forms find all instances, with their names as labels", async () => {
    await become(http, ALL_HEALTHY);
    await become(consul, ALL_PASSING);
    const [target] = await prometheus.targets("orders-http");
    assert.ok(target);
    assert.match(target.discoveredLabels.__meta_healthbridge_check ?? "", /^orders\/\w+$/);
    assert.match(target.discoveredLabels.__meta_healthbridge_meta_instance_name ?? "", /^[abcd]$/);
  });

  test("an instance that fails stays a target, with another label", async () => {
    await site.turn(site.instance("a"), false);
    await become(http, ALL_HEALTHY.replace("a healthy", "a unhealthy"));
    await become(consul, ALL_PASSING.replace("a passing", "a critical"));
    await site.turn(site.instance("a"), true);
    await become(http, ALL_HEALTHY);
    await become(consul, ALL_PASSING);
  });

  test("an instance that leaves the file is no target any more, and one that comes is one", async () => {
    site.writeTargets(site.instances.slice(0, 3));
    await become(http, "a healthy, b healthy, c healthy");
    await become(consul, "a passing, b passing, c passing");
    site.writeTargets();
    await become(http, ALL_HEALTHY);
    await become(consul, ALL_PASSING);
  });

  test("when all instances fail, all stay targets", async () => {
    await Promise.all(site.instances.map((instance) => site.turn(instance, false)));
    await become(http, ALL_HEALTHY.replaceAll("healthy", "unhealthy"));
    await become(consul, ALL_PASSING.replaceAll("passing", "critical"));
    await Promise.all(site.instances.map((instance) => site.turn(instance, true)));
    await become(consul, ALL_PASSING);
  });

  test("while the daemon is away, and while it answers 503, all targets stay", async () => {
    const stay = async (forMs: number) => {
      for (const end = Date.now() + forMs; Date.now() < end; ) {
        assert.equal((await prometheus.targets("orders-http")).length, 4);
        assert.equal((await prometheus.targets("orders-consul")).length, 4);
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
    await become(consul, "a passing, b passing", 40_000); // it waits for 15 s after an error
  });
});
