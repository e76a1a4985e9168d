/** Reflection streams: the order of their calls, their limits, and what this server says that it has. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { subscribe } from "../../../src/core/channels.js";
import type { StreamCall } from "../../../src/transports/grpc/engine.js";
import { ReflectionService } from "../../../src/transports/grpc/reflection.js";
import type { GrpcCode } from "../../../src/wire/grpc-code.js";
import { type Asking, errorIn, fileNamesIn, filesIn, readAnswer, writeRequest } from "../../support/reflection.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const PATH = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const LIST = writeRequest({ list_services: "" });

/** A call without a network: the test takes the answers. */
class FakeCall implements StreamCall {
  readonly answers: Buffer[] = [];
  readonly ends: string[] = [];
  readonly #sent: (() => void)[] = [];

  send(message: Buffer, onSent: () => void): void {
    assert.equal(this.ends.length, 0, "nothing is sent after the end");
    this.answers.push(message);
    this.#sent.push(onSent);
  }

  end(code: GrpcCode, text: string): void {
    this.ends.push(`${code} ${text}`.trim());
  }

  /** Answers that the client has not taken. */
  get untaken(): number {
    return this.#sent.length;
  }

  take(): void {
    this.#sent.shift()?.();
  }
}

function serving({ health = true } = {}) {
  const clock = new VirtualClock();
  const service = new ReflectionService({ clock, instance: "reflection-test", health });
  const open = () => {
    const call = new FakeCall();
    const stream = service.open(call);
    const state = { handled: 0 };
    const ask = (request: Asking | Buffer) =>
      stream.receive(Buffer.isBuffer(request) ? request : writeRequest(request), () => {
        state.handled += 1;
      });
    /** Asks, takes the answer, and reads it. */
    const answerTo = (request: Asking) => {
      ask(request);
      call.take();
      return readAnswer(call.answers.at(-1) ?? Buffer.alloc(0));
    };
    return { call, stream, state, ask, answerTo };
  };
  return { clock, service, open };
}

/** The codes that are published while `action` runs. */
async function publishing(action: () => unknown): Promise<readonly string[]> {
  const codes: string[] = [];
  const unsubscribe = subscribe("call", ({ instance, method, code }) => {
    if (instance === "reflection-test") codes.push(`${method} ${code}`);
  });
  await action();
  unsubscribe();
  return codes;
}

describe("the services of this server", () => {
  const HEALTH = "grpc.health.v1.Health";
  const REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

  for (const [health, services] of [
    [true, [HEALTH, ...REFLECTION]],
    [false, REFLECTION],
  ] as const) {
    test(`are listed, health ${health ? "on" : "off"}`, () => {
      const answer = serving({ health }).open().answerTo({ list_services: "*" });
      assert.deepEqual(
        answer.list_services_response?.service,
        services.map((name) => ({ name })),
      );
    });
  }

  test("are described under the names that generated code registers their files with", () => {
    const { answerTo } = serving().open();
    for (const [symbol, file] of [
      [HEALTH, "grpc/health/v1/health.proto"],
      ["grpc.health.v1.HealthListResponse.StatusesEntry.value", "grpc/health/v1/health.proto"],
      ["grpc.health.v1.HealthCheckResponse.SERVICE_UNKNOWN", "grpc/health/v1/health.proto"],
      [REFLECTION[0], "grpc/reflection/v1/reflection.proto"],
      ["grpc.reflection.v1alpha.ServerReflectionRequest.message_request", "grpc/reflection/v1alpha/reflection.proto"],
    ]) {
      const answer = answerTo({ file_containing_symbol: symbol });
      assert.deepEqual(fileNamesIn(answer), [file]);
      assert.equal(filesIn(answer)[0]?.syntax, "proto3");
    }
  });

  test("that are switched off are not described", () => {
    const { answerTo } = serving({ health: false }).open();
    assert.deepEqual(errorIn(answerTo({ file_containing_symbol: HEALTH })), [5, "symbol not found"]);
    assert.deepEqual(errorIn(answerTo({ file_by_filename: "grpc/health/v1/health.proto" })), [5, "file not found"]);
  });

  test("have no extensions", () => {
    const { answerTo } = serving().open();
    const type = "grpc.health.v1.HealthCheckRequest";
    const numbers = answerTo({ all_extension_numbers_of_type: type }).all_extension_numbers_response;
    assert.deepEqual(numbers, { base_type_name: type, extension_number: [] });
  });

  test("are answered at the paths of both versions", () => {
    assert.deepEqual(serving().service.paths, [PATH, PATH.replace(".v1.", ".v1alpha.")]);
  });
});

describe("a stream", () => {
  test("answers several requests, and says after each answer was taken that the next may come", () => {
    const { call, stream, state, ask } = serving().open();
    for (const [index, request] of [{ list_services: "" }, { file_by_filename: "no" }, {}].entries()) {
      ask(request);
      assert.deepEqual([call.answers.length, state.handled], [index + 1, index]);
      call.take();
      assert.equal(state.handled, index + 1);
    }
    stream.halfClose();
    assert.deepEqual(call.ends, ["OK"]);
  });

  test("sends an imported file once, for each stream anew", () => {
    const { open } = serving();
    for (const { answerTo } of [open(), open()]) {
      const request = { file_containing_symbol: "grpc.health.v1.Health" };
      assert.equal(fileNamesIn(answerTo(request)).length, 1);
      assert.equal(fileNamesIn(answerTo(request)).length, 1);
    }
  });

  test("that is half-closed ends with OK behind an answer that is not taken yet", () => {
    const { call, stream, state, ask } = serving().open();
    ask(LIST);
    stream.halfClose();
    assert.deepEqual([call.answers.length, call.ends], [1, ["OK"]]);
    call.take();
    assert.equal(state.handled, 0, "nothing more may be handed in");
  });

  test("that is half-closed at once ends with OK, without an answer", () => {
    const { call, stream } = serving().open();
    stream.halfClose();
    assert.deepEqual([call.answers.length, call.ends], [0, ["OK"]]);
  });

  test("ends with INVALID_ARGUMENT on a malformed request, and ignores what comes then", () => {
    const { call, stream, state, ask } = serving().open();
    ask(LIST);
    call.take();
    ask(Buffer.from("3a", "hex"));
    ask(LIST);
    stream.halfClose();
    assert.deepEqual([call.answers.length, call.ends, state.handled], [1, ["INVALID_ARGUMENT malformed request"], 1]);
  });

  test("that the client has left is silent, also when an answer is taken later", () => {
    const { call, stream, state, ask } = serving().open();
    ask(LIST);
    stream.close();
    call.take();
    ask(LIST);
    stream.halfClose();
    assert.deepEqual([call.answers.length, call.ends, state.handled], [1, [], 0]);
  });
});

describe("a stream is limited", () => {
  test("to 1,000 requests", () => {
    const { call, answerTo, ask } = serving().open();
    for (let request = 0; request < 1_000; request += 1) answerTo({ list_services: "" });
    assert.deepEqual(call.ends, []);
    ask(LIST);
    assert.deepEqual([call.answers.length, call.ends], [1_000, ["RESOURCE_EXHAUSTED too many requests on one stream"]]);
  });

  test("to 60 seconds without a request, counted from the last one", async () => {
    const { clock, open } = serving();
    const { call, answerTo } = open();
    await clock.advance(59_999);
    answerTo({ list_services: "" });
    await clock.advance(59_999);
    assert.deepEqual(call.ends, []);
    await clock.advance(1);
    assert.deepEqual(call.ends, ["DEADLINE_EXCEEDED no request for 60 seconds"]);
  });

  test("to 60 seconds also when the client does not take its answer", async () => {
    const { clock, open } = serving();
    const { call, ask } = open();
    ask(LIST);
    await clock.advance(60_000);
    assert.deepEqual([call.untaken, call.ends], [1, ["DEADLINE_EXCEEDED no request for 60 seconds"]]);
  });

  test("to 10 minutes, however busy", async () => {
    const { clock, open } = serving();
    const { call, answerTo } = open();
    for (let second = 0; second < 600; second += 30) {
      answerTo({ list_services: "" });
      assert.deepEqual(call.ends, []);
      await clock.advance(second === 570 ? 29_999 : 30_000);
    }
    assert.deepEqual(call.ends, []);
    await clock.advance(1);
    assert.deepEqual(call.ends, ["DEADLINE_EXCEEDED stream was open for 10 minutes"]);
  });

  test("and leaves no timer, whatever ends it", () => {
    const { clock, service, open } = serving();
    const endings: readonly ((opened: ReturnType<typeof open>) => void)[] = [
      ({ stream }) => stream.halfClose(),
      ({ stream }) => stream.close(),
      ({ ask }) => ask(Buffer.from([0xff])),
    ];
    for (const end of endings) {
      const opened = open();
      opened.answerTo({ list_services: "" });
      assert.equal(clock.pendingTimers, 1);
      end(opened);
      assert.equal(clock.pendingTimers, 0);
    }
    open();
    service.endStreams();
    open();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe("the streams of a server", () => {
  test("are 100 at once: one more is refused, and one that is closed makes room", () => {
    const { open } = serving();
    const streams = Array.from({ length: 100 }, open);
    const refused = open();
    assert.deepEqual(refused.call.ends, ["RESOURCE_EXHAUSTED too many reflection streams"]);
    refused.ask(LIST);
    refused.stream.halfClose();
    refused.stream.close();
    assert.deepEqual([refused.call.answers.length, refused.call.ends.length], [0, 1]);
    assert.equal(open().call.ends.length, 1, "a refused stream makes no room");

    streams[0]?.stream.close();
    const next = open();
    next.ask(LIST);
    assert.deepEqual([next.call.answers.length, next.call.ends], [1, []]);
  });

  test("count until their call is gone, not only until they have their status", () => {
    const { open } = serving();
    const streams = Array.from({ length: 100 }, open);
    for (const { stream } of streams) stream.halfClose();
    assert.equal(open().call.ends.length, 1);
    for (const { stream } of streams) stream.close();
    assert.equal(open().call.ends.length, 0);
  });

  test("end with UNAVAILABLE when the server ends them, and new ones are refused so", () => {
    const { service, open } = serving();
    const [busy, idle] = [open(), open()];
    busy.ask(LIST);
    service.endStreams();
    for (const { call } of [busy, idle, open()]) assert.deepEqual(call.ends, ["UNAVAILABLE server is shutting down"]);
    assert.equal(busy.call.answers.length, 1);
  });

  test("are published when they end, each once", async () => {
    const codes = await publishing(async () => {
      const { clock, service, open } = serving();
      const [well, left, malformed, , ended] = [open(), open(), open(), open(), open()];
      well.ask(LIST);
      well.stream.halfClose();
      well.stream.close();
      left.stream.close();
      left.stream.close();
      malformed.ask(Buffer.from([0xff]));
      malformed.stream.close();
      await clock.advance(30_000);
      ended.ask(LIST);
      await clock.advance(30_000); // the fourth has had no request
      service.endStreams();
    });
    assert.deepEqual(codes, [
      "Reflection OK",
      "Reflection CANCELLED",
      "Reflection INVALID_ARGUMENT",
      "Reflection DEADLINE_EXCEEDED",
      "Reflection UNAVAILABLE",
    ]);
  });
});
