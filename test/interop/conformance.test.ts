/**
 * `healthbridge conformance` before real servers: their breaches are found, and no others are claimed.
 *
 * Each list is what that version breaks, as its answers on the wire show: HTTP/2 of grpc-go and of gRPC C++ do not check
 * what a well-behaved client never sends. `docs/conformance-tool.md` has the table.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { cppProgram, goProgram, peerSource, rustProgram } from "../../bench/serving/build.js";
import { run } from "../cli/program.js";
import { pythonBin } from "./install.js";
import { accepting, freePort, Running } from "./peers.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

interface RealServer {
  readonly command: () => Promise<readonly [program: string, ...args: string[]]>;
  readonly breaches: readonly string[];
  /** Rows that are left out. */
  readonly except?: readonly string[];
}

/** No check of the states of streams, nor of the window of the connection. */
const STATES = ["stream-idle", "stream-idle-reset", "window-overflow"];

/** gRPC C++ below every language that wraps it. */
const C_CORE = [
  ...["content-type-other", "message-two", "flag-invalid", "encoding-unknown", "padding", "field-connection"],
  ...["field-line-break", "pseudo-twice", "pseudo-late", "content-length", "stream-even"],
  ...["headers-stream-0", "data-stream-0", ...STATES],
];

/** grpc-js, and Node's HTTP/2 below it. */
const GRPC_JS = ["method-get", "flag-invalid", "flag-without-encoding", "encoding-offer", "field-line-break"];

/** protobufjs reads what is no message, and the text of an unknown name is the name itself. */
const GRPC_HEALTH_CHECK = ["request-unreadable", "request-utf8", "answer-trailers-size", ...GRPC_JS];

const SERVERS: Readonly<Record<string, RealServer>> = {
  "grpc-go": {
    command: async () => [await goProgram("grpc-go")],
    breaches: ["encoding-offer", "field-te", "content-length", "settings-push", ...STATES],
  },
  "gRPC C++": {
    command: async () => [await cppProgram("cpp")],
    breaches: [...C_CORE, "flag-without-encoding", "field-uppercase", "pseudo-unknown"],
  },
  "tonic-health": {
    command: async () => [await rustProgram("tonic")],
    breaches: ["watch-unknown", "content-type-other", "method-get", "path-query", "message-two", "deadline"],
  },
  "Python's grpcio-health-checking": {
    command: async () => [join(pythonBin(), "python"), here("python/server.py")],
    breaches: C_CORE,
    // after a hundred cancelled Watches that server answers no more
    except: ["watches-many", "cancel"],
  },
  "grpc-health-check without an overall status": {
    command: async () => [process.execPath, peerSource("grpc-js/server.js")],
    breaches: ["check-overall", ...GRPC_HEALTH_CHECK],
  },
};

for (const [name, { command, breaches, except = [] }] of Object.entries(SERVERS))
  test(`of ${name} the known breaches are found, and no others are claimed`, async () => {
    const [program, ...args] = await command();
    const port = await freePort();
    const server = new Running(program, [...args, String(port)]);
    try {
      await accepting(port);
      const left = except.flatMap((row) => ["--except", row]);
      assert.deepEqual(await breachesOf(port, "--timeout", "4s", ...left), [...breaches].sort());
    } finally {
      await server.stop();
    }
  });

test("of grpc-health-check with a control program, equal statuses that are sent again are found too", async () => {
  const port = await freePort();
  const control = `exec '${process.execPath}' '${here("conformance-peers/grpc-health-check.js")}' ${port}`;
  const found = await breachesOf(port, "--timeout", "4s", "--control", control);
  // an empty overall name hides nothing here: a request that cannot be read is answered SERVING
  assert.deepEqual(found, [...GRPC_HEALTH_CHECK, "set-same"].sort());
});

async function breachesOf(port: number, ...args: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await run("conformance", `127.0.0.1:${port}`, "--json", ...args);
  assert.notEqual(stdout, "", stderr);
  const rows: readonly { readonly id: string; readonly verdict: string }[] = JSON.parse(stdout).rows;
  return rows
    .filter(({ verdict }) => verdict === "breaks")
    .map(({ id }) => id)
    .sort();
}
