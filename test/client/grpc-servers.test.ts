/** The table of servers, asked by the prober and by the client. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokenCall } from "../../src/client/broken-call.js";
import { HealthStub } from "../../src/client/health-stub.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { GRPC_SERVERS, type ServerRow } from "./grpc-servers.js";
import { type RawServer, rawServer } from "./raw-server.js";

const TIMEOUT_MS = 10_000;

async function withServer({ script }: ServerRow, body: (server: RawServer) => Promise<void>): Promise<void> {
  const server = await rawServer(script);
  try {
    await body(server);
  } finally {
    await server.target.disconnected();
    await server.target.stop();
  }
}

/** A status, a code of gRPC, the kind of a BrokenCall, `tls`, or the code of another error. */
async function ask(client: HealthStub, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => client.cancel(), timeoutMs);
  try {
    const answer = await client.check("", { timeoutMs });
    return "status" in answer ? answer.status : answer.code;
  } catch (error) {
    if (error instanceof BrokenCall) return error.kind;
    // Node reports an alert of TLS with one code or another: by a write or by a read
    const code = String(Object(error).code);
    return /^(?:EPROTO$|ERR_SSL_)/.test(code) ? "tls" : code;
  } finally {
    clearTimeout(timer);
  }
}

describe("a gRPC server that answers", () => {
  for (const [label, row] of Object.entries(GRPC_SERVERS)) {
    const { verdict, answer, detail, connections = 1, isSecure = false, timeoutMs = TIMEOUT_MS } = row;

    test(`${label}: the prober says ${verdict}`, () =>
      withServer(row, async ({ target }) => {
        const options = isSecure ? { tls: { verify: false } } : {};
        const prober = openTarget(`${isSecure ? "grpcs" : "grpc"}://127.0.0.1:${target.port}/`, systemDeps(), options);
        const result = await probe(prober, timeoutMs);
        prober.close();
        const got = result.reason === undefined ? result.outcome : `${result.outcome} ${result.reason}`;
        assert.deepEqual([got, target.accepted], [verdict, connections], result.detail);
        if (detail !== undefined) assert.match(result.detail ?? "", detail);
      }));

    test(`${label}: the client gets ${answer}`, () =>
      withServer(row, async ({ target }) => {
        const client = new HealthStub({
          ...{ host: "127.0.0.1", port: target.port, tls: isSecure ? { verify: false } : undefined },
          ...{ ...systemDeps(), reuse: true, maxAgeMs: 60_000 },
        });
        const got = await ask(client, timeoutMs);
        client.close();
        assert.deepEqual([got, target.accepted], [answer, connections]);
      }));
  }
});
