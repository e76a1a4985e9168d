/** The answers of Check, List and the methods for balancers, as bytes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "../../../src/registry/registry.js";
import { answerByCode, answerCheck, answerList } from "../../../src/transports/grpc/answers.js";
import { HealthService } from "../../../src/transports/grpc/health-service.js";
import { request } from "../../support/grpc-peer.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const registry = () => new Registry({ clock: new VirtualClock(), instance: "test" });
const message = (hex: string, degraded = false) => ({ message: Buffer.from(hex, "hex"), degraded });

describe("the answer to a Check", () => {
  const rows: readonly (readonly [string, string, ReturnType<typeof answerCheck>])[] = [
    ["of the server as a whole is SERVING from the start", "", message("0801")],
    ["of a service that is SERVING", "up", message("0801")],
    ["of a service that is NOT_SERVING is no error", "down", message("0802")],
    ["of a service that is UNKNOWN leaves the zero out", "dunno", message("")],
    ["of a degraded service has metadata beside the message", "ill", message("0801", true)],
    ["of a view", "liveness", message("0801")],
    ["of an unknown name", "nobody", { code: "NOT_FOUND", text: "unknown service" }],
    ["of a name in another case [A12]", "UP", { code: "NOT_FOUND", text: "unknown service" }],
    ["of a name of an object property [A13]", "constructor", { code: "NOT_FOUND", text: "unknown service" }],
    ["of a name of 201 bytes", "n".repeat(201), { code: "INVALID_ARGUMENT", text: "service name too long" }],
  ];
  for (const [label, service, answer] of rows) {
    test(label, () => {
      const reader = registry();
      reader.set("up", "SERVING");
      reader.set("down", "NOT_SERVING");
      reader.set("dunno", "UNKNOWN");
      reader.set("ill", "SERVING", { degraded: true });
      assert.deepEqual(answerCheck(reader, request(service)), answer);
    });
  }

  test("to an invalid request is INVALID_ARGUMENT, never SERVING", () => {
    const fault = { code: "INVALID_ARGUMENT", text: "malformed request" };
    assert.deepEqual(answerCheck(registry(), Buffer.from("0a50", "hex")), fault);
    const notUtf8 = { code: "INVALID_ARGUMENT", text: "service name is not valid UTF-8" };
    assert.deepEqual(answerCheck(registry(), Buffer.from("0a02fffe", "hex")), notUtf8);
  });

  test("leaves nothing behind", () => {
    const reader = registry();
    for (let index = 0; index < 1000; index += 1) answerCheck(reader, request(`stranger-${index}`));
    assert.deepEqual([[...reader.services()].length, reader.watchedNameCount], [1, 0]);
  });
});

/** The entry of the server as a whole, which is SERVING. */
const WHOLE = "0a060a0012020801";

describe("the answer to a List", () => {
  test("has the server as a whole alone when nothing is declared", () => {
    assert.deepEqual(answerList(registry(), 100), message(WHOLE));
  });

  test("has every declared service with its status", () => {
    const reader = registry();
    reader.set("a", "NOT_SERVING");
    reader.set("b", "UNKNOWN", {});
    assert.deepEqual(answerList(reader, 100), message(`${WHOLE}0a070a0161120208020a050a01621200`));
  });

  test("has no degraded metadata: that is for one service", () => {
    const reader = registry();
    reader.set("a", "SERVING", { degraded: true });
    assert.deepEqual(answerList(reader, 100), message(`${WHOLE}0a070a016112020801`));
  });

  test("has at most as many services as the limit", () => {
    const reader = registry();
    for (const name of ["a", "b"]) reader.set(name, "SERVING");
    assert.ok("message" in answerList(reader, 2));
    const tooMany = { code: "RESOURCE_EXHAUSTED", text: "too many services to list" };
    assert.deepEqual(answerList(reader, 1), tooMany);
    assert.deepEqual(answerList(reader, 0), tooMany);
  });

  test("with a limit of 0 has the server as a whole", () => {
    assert.deepEqual(answerList(registry(), 0), message(WHOLE));
  });

  test("to unknown fields is the same", () => {
    assert.deepEqual(new HealthService(registry()).list(Buffer.from("1001", "hex")), message(WHOLE));
  });

  test("to an invalid message is INVALID_ARGUMENT", () => {
    const fault = { code: "INVALID_ARGUMENT", text: "malformed request" };
    assert.deepEqual(new HealthService(registry()).list(Buffer.from("0a50", "hex")), fault);
  });
});

describe("the answer to a balancer that reads the code only", () => {
  test("is OK while the server as a whole is SERVING", () =>
    assert.deepEqual(answerByCode(registry()), message("0801")));

  test("is OK when it is degraded, with metadata", () => {
    const reader = registry();
    reader.set("", "SERVING", { degraded: true });
    assert.deepEqual(answerByCode(reader), message("0801", true));
  });

  for (const status of ["NOT_SERVING", "UNKNOWN"] as const) {
    test(`is UNAVAILABLE with the status as its text when it is ${status}`, () => {
      const reader = registry();
      reader.set("", status);
      assert.deepEqual(answerByCode(reader), { code: "UNAVAILABLE", text: status });
    });
  }

  test("is UNAVAILABLE while draining", () => {
    const reader = registry();
    reader.drain();
    assert.deepEqual(answerByCode(reader), { code: "UNAVAILABLE", text: "NOT_SERVING" });
  });

  test("is UNAVAILABLE without an overall status", () => {
    const reader = registry();
    const bare = Object.assign(Object.create(reader), { read: () => undefined });
    assert.deepEqual(answerByCode(bare), { code: "UNAVAILABLE", text: "UNKNOWN" });
  });
});
