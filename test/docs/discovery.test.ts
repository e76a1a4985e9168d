/**
 * docs/discovery.md: its tables hold, and its files are those that readers are tested with.
 *
 * Its other blocks are run by test/interop/discovery: "discovery haproxy", "discovery haproxy panic", "discovery traefik",
 * "discovery traefik tags" and "discovery prometheus".
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  const codeOf = (name: string) => BLOCKS.find((block) => block.name === name)?.code ?? "";

  for (const name of ["discovery envoy-eds.yaml", "discovery grpc-bootstrap.json"])
    test(`the block "${name}" is the file that a reader is tested with`, () => {
      const file = `test/interop/discovery/readers/${name.replace("discovery ", "")}`;
      assert.equal(codeOf(name), readFileSync(path(file), "utf8"));
    });

  test("the listener is valid with its token, and refused without", () => {
    const token = path("test/fixtures/tls/ca.crt"); // a file that has spaces: it is read, and is no token
    const text = codeOf("discovery listener");
    assert.throws(() => read(text.replace("/run/secrets/discovery", token)), /must contain one word without spaces/);
    assert.throws(() => read(text.replace(/ {2}tokenFile: .*\n/, "")), /discovery: needs tokenFile/);
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
    writeFileSync(join(folder, "token"), "0123456789abcdef\n");
    const { discovery, haproxyAgent } = read(text.replace("/run/secrets/discovery", join(folder, "token")));
    rmSync(folder, { recursive: true });
    assert.deepEqual(discovery?.forms, { consul: true, xds: true, prometheus: true });
    assert.equal(discovery?.token, "0123456789abcdef");
    assert.deepEqual(haproxyAgent?.listen, ["127.0.0.1:8501"]);
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
