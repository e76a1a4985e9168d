/** The warning for a Node that gets no more fixes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { warnOfOldNode } from "../../src/cli/serve.js";

/** What is logged at start on a version of Node. */
function warningsOn(version?: string): unknown[][] {
  const lines: unknown[][] = [];
  warnOfOldNode({ write: (...line) => void lines.push(line), close: () => {} }, version);
  return lines;
}

describe("the warning of an old Node", () => {
  for (const version of ["20.19.0", "20.20.2", "21.7.3"]) {
    test(`is one line on ${version}, and names the recommended versions`, () => {
      const [[level, event, message, fields] = [], ...more] = warningsOn(version);
      assert.deepEqual([level, event, fields, more], ["warn", "old-node", { node: version }, []]);
      assert.match(String(message), new RegExp(`^Node ${version} .*22\\.23 or 24\\.18`));
    });
  }

  for (const version of ["22.0.0", "22.23.2", "24.18.1", "100.0.0"]) {
    test(`does not appear on ${version}`, () => assert.deepEqual(warningsOn(version), []));
  }

  test("is about the running Node", () => {
    const old = Number(process.versions.node.split(".")[0]) < 22;
    assert.equal(warningsOn().length, old ? 1 : 0);
  });
});
