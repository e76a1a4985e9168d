/** Control characters and marks of text direction are escaped in every output. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printable } from "../../src/core/printable.js";
import { Registry } from "../../src/registry/registry.js";
import { writeMetric } from "../../src/telemetry/exposition.js";
import { createLog } from "../../src/telemetry/log.js";
import { textLine } from "../../src/telemetry/log-text.js";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { bridgeOf, check } from "../transports/http/bridge-fixture.js";

/** C0, DEL, C1 (a terminal takes U+009B for ESC and a bracket), line separators, direction marks, isolates, the byte order mark. */
const UNSAFE = [
  "\u0007",
  "\u001b[2J",
  "\u007f",
  "\u0085",
  "\u009b2J",
  "\u2028",
  "\u202e",
  "\u200f",
  "\u2066",
  "\u061c",
  "\ufeff",
];

const hasUnsafe = (text: string) => UNSAFE.some((unsafe) => text.includes(unsafe.slice(0, 1)));

test("what is readable stays as it is", () => {
  for (const text of ["", "celery.worker/größe", "日本語", "a\\u0007"]) assert.equal(printable(text), text);
});

for (const unsafe of UNSAFE)
  describe(`${JSON.stringify(printable(unsafe))} is escaped`, () => {
    const name = `worker${unsafe}x`;

    test("in a text", () => assert.equal(hasUnsafe(printable(name)), false));

    test("in a log line, as JSON and at a terminal", () => {
      const lines: string[] = [];
      const log = createLog("printable", "info", { write: (line) => void lines.push(line.trimEnd()) });
      log.write("error", "test", name, { name, err: new Error(name) });
      log.close();
      const [line = ""] = lines;
      assert.equal(hasUnsafe(line), false);
      assert.equal(JSON.parse(line).name, name);
      assert.equal(hasUnsafe(textLine(line, { isTerminal: true, hasColours: false })), false);
    });

    test("in verbose pages, JSON and the labels of metrics", async () => {
      // a bridge shows whatever a registry holds
      const registry = new Registry({
        clock: { now: () => 0, wallTime: () => 0, setTimer: () => () => {} },
        instance: "p",
      });
      const { answer } = bridgeOf({ registry });
      const reported = [{ name: `reported-${name}`, status: "NOT_SERVING", reason: undefined }] as const;
      registry.report(check(name, { state: "failing", reason: "timeout", reported }));
      for (const accept of ["*/*", "application/json"]) {
        const { body } = await answer("/readyz?verbose", { accept });
        assert.ok(body.includes("reported-worker"));
        assert.equal(hasUnsafe(body.replaceAll("\n", "")), false, accept);
      }
      const metric = [...writeMetric(METRICS.checkState, [{ labels: [name, "failing"], value: 1 }])].join("");
      assert.equal(hasUnsafe(metric.replaceAll("\n", "")), false);
    });
  });
