/** The shares of clients, probes and name lookups, by the limit on open files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { descriptorShares } from "../../src/lifecycle/descriptor-shares.js";

const limits = (openFiles: number | string) =>
  [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max processes             7                    7                    processes ",
    `Max open files            ${String(openFiles).padEnd(20)} 1048576              files     `,
  ].join("\n");

describe("the shares of the file descriptors", () => {
  const rows: readonly (readonly [limit: number | string, connections: number])[] = [
    [9, 8], // too few for any share: nothing is refused for that
    [64, 21],
    [256, 149],
    [1_024, 661],
    [4_096, 2_709],
    [24_608, 16_384],
    [24_606, 16_382],
    [1_048_576, 16_384],
    ["unlimited", 16_384],
  ];
  for (const [limit, connections] of rows)
    test(`a limit of ${limit} open files allows ${connections} connections of clients`, () =>
      assert.equal(descriptorShares(limits(limit)).connections, connections));

  test("all shares together leave what the process itself needs", () => {
    for (let openFiles = 44; openFiles < 70_000; openFiles += 7) {
      const { connections, probes, lookups, attempts } = descriptorShares(limits(openFiles));
      assert.equal(connections + probes + lookups * 2 + attempts, openFiles - 32, String(openFiles));
      assert.ok(connections >= 8 && probes >= 2 && lookups >= 1, `${openFiles}: ${connections} ${probes} ${lookups}`);
    }
  });

  test("without a known limit, the share of the probes is as good as unlimited", () => {
    assert.ok(descriptorShares("").probes > 1e9);
    assert.equal(descriptorShares("").connections, 16_384);
  });

  test("the limit of this machine is read", () => {
    const { connections } = descriptorShares();
    assert.ok(Number.isInteger(connections) && connections > 0 && connections <= 16_384, String(connections));
  });
});
