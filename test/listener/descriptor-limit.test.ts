/** The limit on connections that follows from the limit on open files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultMaxConnections } from "../../src/listener/descriptor-limit.js";

const limits = (openFiles: string) =>
  [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max processes  7 7 processes",
    openFiles,
  ].join("\n");

describe("the default limit of connections", () => {
  const rows: readonly (readonly [string, string, number])[] = [
    [
      "80 % of the soft limit",
      limits("Max open files            1024                 524288               files"),
      819,
    ],
    [
      "a part of a connection is none",
      limits("Max open files            9                    9                    files"),
      7,
    ],
    [
      "16,384 where the limit is high",
      limits("Max open files            1048576              1048576              files"),
      16_384,
    ],
    [
      "16,384 at the limit that gives just that",
      limits("Max open files            20480                20480                files"),
      16_384,
    ],
    [
      "one less where the limit is one less",
      limits("Max open files            20479                20480                files"),
      16_383,
    ],
    [
      "16,384 without a limit",
      limits("Max open files            unlimited            unlimited            files"),
      16_384,
    ],
    ["16,384 where the system tells nothing", "", 16_384],
  ];
  for (const [label, text, most] of rows) test(label, () => assert.equal(defaultMaxConnections(text), most));

  test("the limit of this machine is read", () => {
    const most = defaultMaxConnections();
    assert.ok(Number.isInteger(most) && most > 0 && most <= 16_384, String(most));
  });
});
