/** The table of gRPC servers, asked by `probe`: the exit code is that of grpc_health_probe, but for the rows named here. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GRPC_SERVERS, type ServerRow } from "../../client/grpc-servers.js";
import { rawServer } from "../../client/raw-server.js";
import { inTime } from "../../support/eventually.js";
import { probeOnce } from "./probe-once.js";

/** What a probe, which calls after SETTINGS and reads 4 MiB, gets otherwise than a check of the daemon. */
const OTHERWISE: Readonly<Record<string, number>> = {
  "a message of 4,097 bytes": 0,
  "GOAWAY(2^31-1) before the request, then SERVING": 3,
  "MAX_CONCURRENT_STREAMS 0": 3,
  "INITIAL_WINDOW_SIZE 0": 3,
};

/** The exit codes that a row can have: what went wrong before SETTINGS is 2. */
function codesOf({ answer }: ServerRow, label: string): readonly number[] {
  const otherwise = OTHERWISE[label];
  if (otherwise !== undefined) return [otherwise];
  if (answer === "SERVING") return [0];
  if (["NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"].includes(answer) && !/^(?:grpc-|HTTP)/.test(label)) return [4, 3];
  if (answer === "unreadable") return [3, 4];
  return [2, 3];
}

describe("probe", () => {
  for (const [label, row] of Object.entries(GRPC_SERVERS)) {
    test(`${label}: the exit code fits ${row.answer}`, async () => {
      const server = await rawServer(row.script);
      const isSilent = row.timeoutMs !== undefined || OTHERWISE[label] === 3;
      const patience = isSilent ? "500ms" : "10s";
      const tls = row.isSecure === true ? ["-tls", "-tls-no-verify"] : [];
      const timeouts = ["-connect-timeout", patience, "-rpc-timeout", patience];
      const probed = await inTime(
        probeOnce("-addr", `127.0.0.1:${server.target.port}`, ...timeouts, ...tls),
        "the probe",
      );
      await server.target.stop();
      assert.ok(codesOf(row, label).includes(probed.code), `${probed.code}: ${probed.stderr}`);
      if (!(label in OTHERWISE)) assert.equal(probed.code === 0, row.answer === "SERVING", "only SERVING is healthy");
      assert.match(probed.stderr, /^[^\n]+\n$/, "one line");
      assert.equal(probed.stdout, "");
    });
  }
});
