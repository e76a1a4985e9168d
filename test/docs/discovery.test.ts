/**
 * docs/discovery.md: its tables hold, and its files are those that readers are tested with.
 *
 * Its other blocks are run by test/interop/discovery: "discovery haproxy", "discovery haproxy panic", "discovery traefik",
 * "discovery traefik tags" and "discovery prometheus".
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { InstanceState, ServiceInstance } from "../../src/instances/instance.js";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { statusOf } from "../../src/transports/discovery/consul-json.js";
import { read } from "../config/reading.js";
import { ALL_PAGES } from "./markdown.js";
import { blocksOf } from "./pages.js";
import { path } from "./snippets.js";

const PAGE = readFileSync(path("docs/discovery.md"), "utf8");
const BLOCKS = ALL_PAGES.find((page) => page.path === "docs/discovery.md")?.blocks ?? [];

/** The rows below a heading, each as its cells. */
function rowsBelow(heading: string): readonly (readonly string[])[] {
  const [, part = ""] = PAGE.split(`\n## ${heading}\n`);
  const lines = part.split("\n## ")[0]?.split("\n") ?? [];
  const rows = lines.filter((line) => line.startsWith("| ")).slice(2);
  return rows.map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
}

const instanceIn = (state: InstanceState, drained: boolean): ServiceInstance => ({
  ...{ check: "a", services: ["orders"], host: "10.0.0.1", port: 1, tags: [], meta: {}, weight: 1 },
  ...{ state, drained, reason: undefined, since: 0 },
});

describe("docs/discovery.md", () => {
  for (const name of ["envoy-eds.yaml", "grpc-bootstrap.json"])
    test(`${name} is the file that a reader is tested with`, () => {
      const block = BLOCKS.find((each) => each.name === `discovery ${name}`);
      assert.equal(block?.code, readFileSync(path(`test/interop/discovery/readers/${name}`), "utf8"));
    });

  test("the forms have a row for each state, with the status that Consul's clients get", () => {
    const rows = rowsBelow("Forms");
    const states = ["healthy", "degraded", "unhealthy", "unknown"] as const;
    for (const state of states) {
      const row = rows.find(([first = ""]) => first.startsWith(state));
      assert.equal(row?.[3], `\`${statusOf(instanceIn(state, false))}\``, state);
    }
    assert.equal(rows.at(-1)?.[0], "drained");
    assert.equal(rows.at(-1)?.[3], `\`${statusOf(instanceIn("healthy", true))}\``);
    assert.equal(rows.length, states.length + 1);
  });

  test("the table of metrics has each metric of discovery, and no other one", () => {
    const isOurs = (name: string) => /^healthbridge_(?:discovery|instance)_/.test(name);
    const told = rowsBelow("Metrics").flatMap(([cell = ""]) =>
      [...cell.matchAll(/`(\w+)/g)].map(([, name = ""]) => name),
    );
    const existing = Object.values(METRICS).map(({ name }) => name);
    assert.deepEqual(told.filter((name) => isOurs(name)).sort(), existing.filter(isOurs).sort());
  });

  test("each configuration with a template is one, and has the service that the page names", () => {
    const configs = blocksOf(PAGE, "yaml").filter((text) => text.includes("instances:"));
    assert.ok(configs.length >= 3);
    for (const text of configs) {
      const withoutFile = text.replace(/ {2}tokenFile: .*\n/, "").replace('":8500"', '"127.0.0.1:8500"');
      assert.ok(read(withoutFile).templates.some(({ name }) => name === "orders"));
    }
  });
});
