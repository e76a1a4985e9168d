/** Server reflection over a network, asked by grpc-js' own client and by one that chooses its frames. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { ENGINE_NAMES } from "../../../src/core/engine-name.js";
import { Health } from "../../../src/index.js";
import type { StreamCall } from "../../../src/transports/grpc/engine.js";
import { ReflectionService, type ReflectionStream } from "../../../src/transports/grpc/reflection.js";
import { createGrpcJsEngine } from "../../../src/transports/grpc-js/engine.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { collect, frame, GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import {
  type Answer,
  type Asking,
  errorIn,
  fileNamesIn,
  methodOf,
  readAnswer,
  VERSIONS,
  type Version,
  writeRequest,
} from "../../support/reflection.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const PROGRAM = fileURLToPath(new URL("loaded-modules.ts", import.meta.url));
const LIST = frame(writeRequest({ list_services: "" }));

/** A stream of grpc-js' client, with what it has received. */
class Conversation {
  readonly answers: Answer[] = [];
  status: StatusObject | undefined;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;

  constructor(client: Client, version: Version) {
    const asIs = (bytes: Buffer): Buffer => bytes;
    this.#stream = client.makeBidiStreamRequest(methodOf(version), asIs, asIs);
    this.#stream.on("data", (message: Buffer) => this.answers.push(readAnswer(message, version)));
    this.#stream.on("error", () => {});
    this.#stream.on("status", (status) => {
      this.status = status;
    });
  }

  write(...requests: readonly (Asking | Buffer)[]): void {
    for (const request of requests) this.#stream.write(Buffer.isBuffer(request) ? request : writeRequest(request));
  }

  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  async received(count: number): Promise<readonly Answer[]> {
    await eventually(() => this.answers.length >= count || this.status !== undefined, `${count} answers`);
    return this.answers;
  }

  async ended(): Promise<readonly [code: number | undefined, text: string | undefined]> {
    await eventually(() => this.status !== undefined, "the end of the stream");
    return [this.status?.code, this.status?.details];
  }
}

for (const engine of ENGINE_NAMES) {
  describe(`reflection with engine ${engine}`, () => {
    async function serving(t: TestContext, options = {}) {
      const health = new Health();
      const server = await health.listen(["127.0.0.1:0"], { engine, ...options });
      const port = portOf(server);
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      t.after(async () => {
        client.close();
        await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
      });
      return { health, port, open: (version: Version = "v1") => new Conversation(client, version) };
    }

    for (const version of VERSIONS) {
      test(`${version}: every kind of request on one stream, each answered in its order`, async (t) => {
        const conversation = (await serving(t)).open(version);
        const file = "grpc/health/v1/health.proto";
        const type = "grpc.health.v1.HealthListResponse";
        const requests: readonly Asking[] = [
          { host: "a host", list_services: "*" },
          { file_by_filename: file },
          { file_containing_symbol: "grpc.health.v1.Health.Watch" },
          { file_containing_symbol: "grpc.health.v1.HealthCheckResponse.NOT_SERVING" },
          { file_containing_symbol: "grpc.health.v1.Nothing" },
          { file_containing_extension: { containing_type: type, extension_number: 7 } },
          { all_extension_numbers_of_type: type },
          { all_extension_numbers_of_type: "grpc.health.v1.Nothing" },
          {},
        ];
        conversation.write(...requests);
        conversation.halfClose();
        assert.equal((await conversation.ended())[0], 0);
        const { answers } = conversation;
        assert.equal(answers[0]?.valid_host, "a host");
        assert.deepEqual(
          answers[0]?.list_services_response?.service.map(({ name }) => name),
          ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
        );
        for (const answer of answers.slice(1, 4)) assert.deepEqual(fileNamesIn(answer), [file]);
        assert.deepEqual(
          [4, 5, 6, 7, 8].map((index) => answers[index] && errorIn(answers[index])),
          [
            [5, "symbol not found"],
            [5, "extension not found"],
            undefined,
            [5, "type not found"],
            [3, "no message_request in the request"],
          ],
        );
        assert.deepEqual(answers[6]?.all_extension_numbers_response, { base_type_name: type, extension_number: [] });
        assert.equal(answers.length, requests.length);
      });

      test(`${version}: a conversation of questions and answers, then a long pause, then the end`, async (t) => {
        const conversation = (await serving(t)).open(version);
        for (let count = 1; count <= 5; count += 1) {
          conversation.write({ list_services: "" });
          assert.equal((await conversation.received(count)).length, count);
        }
        await pause(50);
        assert.equal(conversation.status, undefined);
        conversation.halfClose();
        assert.equal((await conversation.ended())[0], 0);
      });
    }

    test("a stream that is half-closed without a request ends with OK", async (t) => {
      const conversation = (await serving(t)).open();
      conversation.halfClose();
      assert.deepEqual([(await conversation.ended())[0], conversation.answers], [0, []]);
    });

    test("a malformed request ends the stream with INVALID_ARGUMENT, behind the answers before it", async (t) => {
      const conversation = (await serving(t)).open();
      conversation.write({ list_services: "" }, Buffer.from("3a", "hex"), { list_services: "" });
      assert.deepEqual(await conversation.ended(), [3, "malformed request"]);
      assert.equal(conversation.answers.length, 1);
    });

    test("a request of more than 4,096 bytes ends the stream with RESOURCE_EXHAUSTED [B9]", async (t) => {
      const { open } = await serving(t);
      const ofSize = (size: number) => {
        const request = { list_services: "x".repeat(size - 3) };
        assert.equal(writeRequest(request).length, size);
        return request;
      };
      const [fits, exceeds] = [open(), open()];
      fits.write(ofSize(4_096));
      exceeds.write(ofSize(4_097));
      assert.equal((await fits.received(1))[0]?.message_response, "list_services_response");
      assert.equal((await exceeds.ended())[0], 8);
      fits.halfClose();
    });

    test("the health service that is switched off is not listed", async (t) => {
      const conversation = (await serving(t, { grpcHealth: false })).open();
      conversation.write({ list_services: "" }, { file_containing_symbol: "grpc.health.v1.Health" });
      const [services, file] = await conversation.received(2);
      assert.deepEqual(
        services?.list_services_response?.service.map(({ name }) => name),
        ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
      );
      assert.deepEqual(file && errorIn(file), [5, "symbol not found"]);
      conversation.halfClose();
    });

    test("methods for balancers are not listed: they have no file", async (t) => {
      const conversation = (await serving(t, { statusCodePaths: ["/AWS.ALB/healthcheck"] })).open();
      conversation.write({ list_services: "" }, { file_containing_symbol: "AWS.ALB" });
      const [services, file] = await conversation.received(2);
      assert.equal(services?.list_services_response?.service.length, 3);
      assert.deepEqual(file && errorIn(file), [5, "symbol not found"]);
      conversation.halfClose();
    });

    test("reflection that is switched off is an unknown method", async (t) => {
      const { port } = await serving(t, { reflection: false });
      const peer = new GrpcPeer(port);
      t.after(() => peer.close());
      for (const version of VERSIONS) assert.equal((await peer.call(methodOf(version), LIST)).code, 12);
    });

    test("100 streams may be open; the next is refused until one is gone", async (t) => {
      const { open } = await serving(t);
      const streams = Array.from({ length: 100 }, () => open());
      for (const stream of streams) stream.write({ list_services: "" });
      for (const stream of streams) await stream.received(1);
      assert.deepEqual(await open().ended(), [8, "too many reflection streams"]);
      streams[0]?.cancel();
      await eventually(async () => {
        const stream = open();
        stream.write({ list_services: "" });
        const answers = await stream.received(1);
        stream.cancel();
        return answers.length === 1;
      }, "a stream is taken again");
      for (const stream of streams) stream.cancel();
    });

    test("a shutdown ends streams with UNAVAILABLE", async (t) => {
      const { health, open } = await serving(t);
      const stream = open();
      stream.write({ list_services: "" });
      await stream.received(1);
      await health.shutdown({ drainDelayMs: 0 });
      assert.deepEqual(await stream.ended(), [14, "server is shutting down"]);
    });
  });
}

/** A service that counts the answers which it has handed to the engine. */
class CountingService extends ReflectionService {
  answers = 0;

  override open(call: StreamCall): ReflectionStream {
    const send = (message: Buffer, onSent: () => void) => {
      this.answers += 1;
      call.send(message, onSent);
    };
    return super.open({ send, end: (code, text) => call.end(code, text) });
  }
}

describe("a client that does not read", () => {
  async function stalled(t: TestContext) {
    const clock = new VirtualClock();
    const reflection = new CountingService({ clock, instance: "stalled-test", health: true });
    const onHttp = () => {};
    const engine = createGrpcJsEngine({ clock, service: undefined, reflection, onHttp });
    const server = createServer((socket) => engine.accept(socket.on("error", () => {})));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // a server that listens on a port has an address with one
    const { port } = server.address() as AddressInfo;
    const peer = new GrpcPeer(port, { settings: { initialWindowSize: 0 } });
    t.after(() => {
      peer.close();
      engine.drain();
      server.close();
    });
    const stream = peer.open(methodOf("v1"));
    return { clock, reflection, peer, stream, ended: collect(stream, () => {}) };
  }

  test("holds one answer, however many requests it sends, and gets all when it reads", async (t) => {
    const { reflection, peer, stream, ended } = await stalled(t);
    stream.end(Buffer.concat(Array.from({ length: 200 }, () => LIST)));
    await eventually(() => reflection.answers === 1, "the first answer");
    // what must not come would be here after answers to later questions
    for (let round = 0; round < 5; round += 1) assert.equal((await peer.call("/p.S/M", LIST)).code, 12);
    assert.equal(reflection.answers, 1);
    peer.session.settings({ initialWindowSize: 65_535 });
    const end = await inTime(ended, "all answers");
    assert.deepEqual([end.code, end.messages.length, reflection.answers], [0, 200, 200]);
  });

  test("is reset half a minute after the last time that a stream may end", async (t) => {
    const { clock, reflection, stream, ended } = await stalled(t);
    stream.write(LIST);
    await eventually(() => reflection.answers === 1, "the first answer");
    await clock.advance(629_999);
    assert.equal(stream.destroyed, false);
    await clock.advance(1);
    const end = await inTime(ended, "the reset");
    assert.deepEqual([end.code, end.rstCode], [-1, 8]); // CANCEL
    assert.equal(clock.pendingTimers, 0);
  });
});

/** Whether grpc-js is loaded: when the library is imported, when a Check was answered, and after a reflection call. */
const GRPC_JS_LOADED = { native: [false, false, false], "grpc-js": [false, true, true] };

for (const [engine, loaded] of Object.entries(GRPC_JS_LOADED))
  test(`a process loads grpc-js only when it serves with it: engine ${engine}`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", PROGRAM, engine]);
    const { imported, serving, reflecting, answers } = JSON.parse(stdout);
    assert.deepEqual(
      [imported, serving, reflecting].map((packages: string[]) => packages.includes("@grpc/grpc-js")),
      loaded,
    );
    for (const { code, text } of answers) {
      assert.equal(code, 0);
      assert.match(text, /grpc\.health\.v1\.Health/);
    }
  });
