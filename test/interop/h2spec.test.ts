/**
 * h2spec against `healthbridge serve --engine native`: every case, those that the RFC only recommends too, in clear text
 * and over TLS, on each of Node's lines.
 *
 * Its path is `/healthcheck`, so that it meets our transport. One case wants a body of more octets than OK has: that one's
 * path is an unknown service, whose answer is longer.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/eventually.js";
import { h2spec, node } from "./install.js";
import { Running } from "./peers.js";

/** The newest of each line, beside the Node that runs us. */
const NODES = ["22.23.3", "24.21.0", "26.10.0"];

/** How many cases h2spec has. */
const CASES = 146;

/** Milliseconds in which it ends though every third case fails by its time. */
const JUDGING_MS = 200_000;

/** What needs a longer body. */
const LONG_BODY = { section: "http2/6.9.2", path: "/healthcheck/nobody", title: "window size to be negative" };

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** One case of h2spec's report. */
interface Case {
  readonly title: string;
  readonly result: "passed" | "skipped" | "failed";
  /** What was expected, and what came. */
  readonly why: string;
}

/** Reads the cases of a report, as h2spec writes it: an element a case, with no case inside another. */
function readReport(xml: string): readonly Case[] {
  const cases = xml.matchAll(/<testcase package="(.*?)" classname="(.*?)"[^>]*>(.*?)<\/testcase>/gs);
  return [...cases].map(([, section, title, inside = ""]) => ({
    title: unescapeXml(`${section} ${title}`),
    result: inside.includes("<skipped") ? "skipped" : /<(failure|error)/.test(inside) ? "failed" : "passed",
    why: unescapeXml(inside.replaceAll(/<[^>]*>/g, "").trim()),
  }));
}

function unescapeXml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&#34;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}

describe("h2spec", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-h2spec-"));
  const nodes = new Map<string, string>([[process.version, process.execPath]]);
  let program = "";
  before(() => {
    program = h2spec();
    for (const version of NODES) nodes.set(`v${version}`, node(version));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs cases, and reads what became of each. */
  async function run(port: number, path: string, ...args: readonly string[]): Promise<readonly Case[]> {
    const report = join(folder, `${port}.xml`);
    // the seconds that a case may take (-o) are for a slow day: none of them is passed by waiting
    const options = ["-h", "127.0.0.1", "-p", `${port}`, "-P", path, "-S", "-o", "4", "-j", report];
    const judging = new Running(program, [...options, ...args]);
    try {
      await eventually(() => judging.ended, "h2spec ends", JUDGING_MS);
    } finally {
      await judging.stop();
    }
    return readReport(readFileSync(report, "utf8"));
  }

  for (const version of new Set([process.version, ...NODES.map((number) => `v${number}`)])) {
    for (const [mode, serverFlags, clientFlags] of [
      ["clear text", [], []],
      ["TLS", ["--tls-cert", fixture("server.crt"), "--tls-key", fixture("server.key")], ["-t", "-k"]],
    ] as const) {
      test(`every case passes on Node ${version}, ${mode}`, async () => {
        const flags = ["--engine", "native", "--listen", "127.0.0.1:0", ...serverFlags];
        const daemon = new Running(nodes.get(version) ?? "", [MAIN, "serve", ...flags]);
        try {
          const port = await portOf(daemon);
          const cases = await run(port, "/healthcheck", ...clientFlags);
          const more = await run(port, LONG_BODY.path, ...clientFlags, LONG_BODY.section);
          assert.equal(cases.length, CASES);
          const bad = [...cases.filter(({ title }) => !title.includes(LONG_BODY.title)), ...more].filter(
            ({ result }) => result !== "passed",
          );
          assert.deepEqual(bad, []);
          assert.ok(more.some(({ title }) => title.includes(LONG_BODY.title)));
        } finally {
          await daemon.stop();
        }
      });
    }
  }
});

/** The port of the start-up line. */
async function portOf(daemon: Running): Promise<number> {
  const line = /"event":"serving".*?127\.0\.0\.1:(\d+)/;
  await eventually(() => line.test(daemon.output) || daemon.ended, "the daemon serves");
  const [, port] = line.exec(daemon.output) ?? [];
  assert.ok(port !== undefined, daemon.output);
  return Number(port);
}
