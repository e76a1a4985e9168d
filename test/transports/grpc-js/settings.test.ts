/** How a grpc-js server of ours is set: docs/conformance.md, part E. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthError } from "../../../src/core/health-error.js";
import type { ConnectionSettings } from "../../../src/transports/grpc/connection-settings.js";
import { HTTP2_LIMITS, serverOptions } from "../../../src/transports/grpc-js/settings.js";

describe("the settings of a server", () => {
  test("have these defaults", () => {
    assert.deepEqual(serverOptions({}), {
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.max_connection_idle_ms": 300_000,
      "grpc.max_connection_age_ms": 2 ** 31 - 1, // never, for grpc-js
      "grpc.max_connection_age_grace_ms": 30_000,
      "grpc.max_concurrent_streams": 1024,
      "grpc.max_receive_message_length": 4096,
      "grpc.max_send_message_length": 4 * 1024 * 1024,
      "grpc-node.max_session_memory": 16,
      "grpc.enable_channelz": 0,
    });
    assert.deepEqual(HTTP2_LIMITS, {
      maxHeaderListPairs: 64,
      maxSessionInvalidFrames: 100,
      streamResetBurst: 5000,
      streamResetRate: 200,
      settings: { maxHeaderListSize: 16_384 },
    });
  });

  const options: readonly (readonly [keyof ConnectionSettings, string])[] = [
    ["keepaliveTimeMs", "grpc.keepalive_time_ms"],
    ["keepaliveTimeoutMs", "grpc.keepalive_timeout_ms"],
    ["maxConnectionIdleMs", "grpc.max_connection_idle_ms"],
    ["maxConnectionAgeMs", "grpc.max_connection_age_ms"],
    ["maxConnectionAgeGraceMs", "grpc.max_connection_age_grace_ms"],
  ];
  for (const [name, option] of options) {
    test(`${name} is ${option}`, () => assert.equal(Object(serverOptions({ [name]: 12_345 }))[option], 12_345));

    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      test(`${name}: ${value} is refused, and named`, () => {
        assert.throws(
          () => serverOptions({ [name]: value }),
          (error: unknown) => {
            assert.ok(error instanceof HealthError);
            assert.equal(error.code, "INVALID_OPTION");
            assert.match(error.message, new RegExp(`^${name} must be a whole number .*; got ${value}$`));
            return true;
          },
        );
      });
    }
  }
});
