/**
 * Bad frames against the engine on grpc-js, which has Node's HTTP/2 beneath it: the rows that it fails are written here with
 * the reason, each has to fail still, and all others have to pass.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inTime } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const CONTROL = fileURLToPath(new URL("grpc-js-frames.control.ts", import.meta.url));
const IS_NODE_20 = process.version.startsWith("v20.");

/** Why rows fail. */
interface Exception {
  readonly why: string;
  /** Only there. */
  readonly node?: "20" | "22 and later";
  /** How a title begins, or the number that it ends with. */
  readonly rows: readonly string[];
}

const EXCEPTIONS: readonly Exception[] = [
  {
    why: "Node says INTERNAL_ERROR, whatever the client has done",
    node: "20",
    rows: [
      "an even stream",
      "HEADERS after END_STREAM, on a Check that is answered",
      "WINDOW_UPDATE of nothing on the connection",
      "the connection's window",
      "[B46]",
      "MAX_FRAME_SIZE 1",
      "MAX_FRAME_SIZE 2^24",
      "[B48]",
      "[B49]",
      "HEADERS with a priority",
    ],
  },
  {
    why: "Node says INTERNAL_ERROR where a client asks too much",
    rows: [
      "two hundred CONTINUATION frames",
      "two hundred empty CONTINUATION frames",
      "[B40]",
      "[B41]",
      "[B43]",
      "fifteen hundred calls that we are made to reset",
    ],
  },
  {
    why: "the fault of one stream ends the connection, with the streams of others who share it",
    rows: [
      "DATA after END_STREAM, on an open Watch",
      "HEADERS after END_STREAM, on an open Watch",
      "WINDOW_UPDATE of nothing on a stream",
      "a stream's window",
    ],
  },
  {
    why: "it is passed over, and nothing comes of it",
    rows: ["[B33]", "a thousand answers"],
  },
  {
    why: "RFC 9113 has no word on priorities any more, and nghttp2 passes over them",
    node: "22 and later",
    rows: ["PRIORITY of a stream"],
  },
  {
    why: "before Node 22.11 the limit of resets is not ours to choose: 1,000 and 33 a second (known fault 0.10)",
    node: "20",
    rows: ["five thousand calls that are cancelled at once", "fifteen hundred calls that are cancelled"],
  },
  {
    why: "a reset counts the same whether the call was whole or not, so 5,000 are let through to spare honest clients",
    node: "22 and later",
    rows: ["fifteen hundred calls that are cancelled"],
  },
  {
    why: "the streams of a thousand calls, and of the thousand that were just cancelled, are above 16 MB",
    node: "22 and later",
    rows: ["five thousand calls that are cancelled at once"],
  },
];

const isHere = ({ node }: Exception): boolean => node === undefined || (node === "20") === IS_NODE_20;
const isNamed = (title: string, part: string): boolean => title.startsWith(part) || title.endsWith(part);
const excused = (title: string): boolean =>
  EXCEPTIONS.some((exception) => isHere(exception) && exception.rows.some((part) => isNamed(title, part)));

/** Whether each row has passed. */
async function runControl(): Promise<ReadonlyMap<string, boolean>> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const flags = ["--test-reporter=tap", "--test-force-exit"];
  const child = spawn(process.execPath, [...process.execArgv, ...flags, CONTROL], {
    env: { ...env, TEST_PATIENCE_MS: "15000" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  notOutlive(child, () => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    await inTime(ended, "the end of the rows", 200_000);
  } finally {
    child.kill("SIGKILL");
  }
  const rows = [...output.matchAll(/^ {4}(not )?ok \d+ - (.* \[B\d+\])$/gm)];
  return new Map(rows.map(([, not, title = ""]) => [title, not === undefined]));
}

describe("bad frames against grpc-js", () => {
  let rows: ReadonlyMap<string, boolean> = new Map();
  before(async () => {
    rows = await runControl();
  });

  test("every row without an exception passes", () => {
    assert.ok(rows.size > 40, `only ${rows.size} rows`);
    assert.deepEqual(
      [...rows].filter(([title, passed]) => !passed && !excused(title)),
      [],
    );
  });

  for (const { why, rows: parts } of EXCEPTIONS.filter(isHere)) {
    test(`the exception still fails: ${why}`, () => {
      for (const part of parts) {
        const meant = [...rows].filter(([title]) => isNamed(title, part));
        assert.deepEqual(
          meant.map(([title, passed]) => [title, passed]),
          meant.slice(0, 1).map(([title]) => [title, false]),
          part,
        );
        assert.equal(meant.length, 1, `rows named ${part}`);
      }
    });
  }
});
