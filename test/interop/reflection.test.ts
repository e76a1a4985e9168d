/**
 * Clients of server reflection, and what they make of our answers: grpcurl, evans, gRPC C++ (as grpc_cli asks), grpc-go,
 * grpcio, a client for Node, protobuf-es, and protoc itself.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { FILE_DESCRIPTORS } from "../../src/transports/grpc/file-descriptors.js";
import { lengthDelimited } from "../../src/wire/protobuf.js";
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";
import { methodOf, PROTO_FOLDER, readAnswer, VERSIONS, writeRequest } from "../support/reflection.js";
import { describeEngines } from "./engines.js";
import { cppReflection, evans, goClient, grpcurl, protoc, pythonBin } from "./install.js";
import { npmReflection } from "./npm-packages.js";
import { run } from "./peers.js";

const HEALTH = "grpc.health.v1.Health";
const SERVICES = [HEALTH, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
const METHODS = ["Check", "List", "Watch"];

/** A serialized FileDescriptorSet { repeated file = 1 }. */
const setOf = (files: readonly Uint8Array[]): Buffer => Buffer.concat(files.map((file) => lengthDelimited(1, file)));

test("our descriptors are those that protoc makes of our proto files, byte for byte", async () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-protoc-"));
  try {
    const out = join(folder, "set.pb");
    const names = Object.keys(FILE_DESCRIPTORS);
    const ended = await run(protoc(), [
      "-I",
      PROTO_FOLDER,
      "--include_imports",
      `--descriptor_set_out=${out}`,
      ...names,
    ]);
    assert.deepEqual([ended.code, ended.stderr], [0, ""]);
    const ours = setOf(Object.values(FILE_DESCRIPTORS).map((base64) => Buffer.from(base64, "base64")));
    assert.equal(ours.toString("hex"), readFileSync(out).toString("hex"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describeEngines("reflection", (engine) => {
  const health = new Health();
  let port = 0;
  let address = "";

  before(async () => {
    const server = await health.listen(["127.0.0.1:0"], { engine });
    port = portOf(server);
    address = `127.0.0.1:${port}`;
    health.set("a.B", "SERVING");
  });
  after(() => health.shutdown({ drainDelayMs: 0 }));

  /** Runs a client to its end: what it wrote, in lines. */
  async function linesOf(program: string, ...args: readonly string[]): Promise<readonly string[]> {
    const { code, stdout, stderr } = await run(program, args);
    assert.equal(code, 0, `${stdout}${stderr}`);
    return stdout.trim().split("\n");
  }

  test("grpcurl lists and describes services, methods, messages and enums, and calls", async () => {
    const ask = (...args: string[]) => linesOf(grpcurl(), "-plaintext", ...args);
    assert.deepEqual(await ask(address, "list"), SERVICES);
    assert.deepEqual(
      await ask(address, "list", HEALTH),
      METHODS.map((method) => `${HEALTH}.${method}`),
    );
    const described: Readonly<Record<string, RegExp>> = {
      [HEALTH]: /rpc Watch \( \.grpc\.health\.v1\.HealthCheckRequest \) returns \( stream /,
      [`${HEALTH}.Check`]: /rpc Check \(/,
      "grpc.health.v1.HealthListResponse": /map<string, \.grpc\.health\.v1\.HealthCheckResponse> statuses = 1;/,
      "grpc.health.v1.HealthCheckResponse.ServingStatus": /SERVICE_UNKNOWN = 3;/,
      "grpc.reflection.v1.ServerReflectionRequest": /oneof message_request/,
    };
    for (const [symbol, text] of Object.entries(described)) {
      assert.match((await ask(address, "describe", symbol)).join("\n"), text);
    }
    const answer = await ask("-d", '{"service":"a.B"}', address, `${HEALTH}/Check`);
    assert.deepEqual(JSON.parse(answer.join("")), { status: "SERVING" });
    const unknown = await run(grpcurl(), ["-plaintext", address, "describe", "no.Thing"]);
    assert.match(unknown.stderr, /Symbol not found: no\.Thing/);
  });

  test("evans lists, describes and calls", async () => {
    const ask = (...args: string[]) =>
      linesOf(evans(), "--host", "127.0.0.1", "--port", String(port), "-r", "cli", ...args);
    assert.deepEqual(await ask("list"), SERVICES);
    assert.deepEqual(
      await ask("list", HEALTH),
      METHODS.map((method) => `${HEALTH}.${method}`),
    );
    assert.match((await ask("desc", "grpc.health.v1.HealthListResponse")).join("\n"), /map<string, .*> statuses = 1;/);
    const request = fileURLToPath(new URL("evans/request.json", import.meta.url));
    const answer = await ask("call", "--file", request, `${HEALTH}.Check`);
    assert.deepEqual(JSON.parse(answer.join("")), { status: "SERVING" });
  });

  for (const version of VERSIONS) {
    test(`gRPC C++ lists, describes and calls as grpc_cli does, over ${version}`, async () => {
      const ask = async (...args: string[]) => {
        const lines = await linesOf(cppReflection(), address, version, ...args);
        assert.equal(lines.at(-1)?.trim(), "stream: 0");
        return lines.slice(0, -1);
      };
      assert.deepEqual(await ask("ls"), SERVICES);
      const service = (await ask("ls", HEALTH)).join("\n");
      for (const method of METHODS) assert.match(service, new RegExp(`rpc ${method}\\(`));
      const list = await ask("type", "grpc.health.v1.HealthListResponse");
      assert.match(list.join("\n"), /map<string, \.grpc\.health\.v1\.HealthCheckResponse> statuses = 1/);
      assert.equal(list.at(-1), "0 extensions");
      assert.deepEqual((await ask("type", "no.Thing"))[0], "not found");
      assert.deepEqual(await ask("call", `${HEALTH}.Check`, '{"service":"a.B"}'), ['{"status":"SERVING"}']);
      assert.match((await ask("call", `${HEALTH}.List`, "{}"))[0] ?? "", /"a\.B":\{"status":"SERVING"\}/);
    });

    test(`grpc-go's own server gives the same answers, over ${version}`, async () => {
      assert.deepEqual(await linesOf(goClient(), "reflection", address, version), ["equal to grpc-go in 39 answers"]);
    });

    test(`a reflection client for Node lists methods and calls one, over ${version}`, async () => {
      const load = npmReflection();
      const { GrpcReflection } = load("grpc-js-reflection-client");
      const { credentials } = load("@grpc/grpc-js");
      const client = new GrpcReflection(address, credentials.createInsecure(), {}, version);
      assert.deepEqual(await client.listServices(), SERVICES);
      const methods: readonly { readonly name: string }[] = await client.listMethods(HEALTH);
      assert.deepEqual(
        methods.map(({ name }) => name),
        METHODS,
      );
      const descriptor = await client.getDescriptorBySymbol(HEALTH);
      const { grpc } = descriptor.getPackageObject({ keepCase: true, enums: String });
      const caller = new grpc.health.v1.Health(address, credentials.createInsecure());
      const answer = await new Promise((resolve, reject) => {
        caller.Check({ service: "a.B" }, (error: unknown, found: unknown) => (error ? reject(error) : resolve(found)));
      });
      assert.deepEqual({ ...Object(answer) }, { status: "SERVING" });
      await assert.rejects(client.getDescriptorBySymbol("no.Thing"), /symbol not found/);
      caller.close();
      client.client.close();
    });
  }

  test("grpcio builds its types from our answers, and calls", async () => {
    const script = fileURLToPath(new URL("python/reflection.py", import.meta.url));
    assert.deepEqual(await linesOf(join(pythonBin(), "python"), script, address), [
      SERVICES.join(" "),
      METHODS.join(" "),
      "SERVING",
      "[]",
      "no.Thing is not found",
    ]);
  });

  test("protobuf-es builds its registry from the files of one answer", async () => {
    const peer = new GrpcPeer(port);
    const request = writeRequest({ file_containing_symbol: HEALTH });
    const { messages } = await peer.call(methodOf("v1"), frame(request));
    peer.close();
    const files = readAnswer(messages[0] ?? Buffer.alloc(0)).file_descriptor_response?.file_descriptor_proto ?? [];
    const load = npmReflection();
    const { createFileRegistry, fromBinary } = load("@bufbuild/protobuf");
    const { FileDescriptorSetSchema } = load("@bufbuild/protobuf/wkt");
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, setOf(files)));
    const methods: readonly { readonly name: string; readonly methodKind: string }[] =
      registry.getService(HEALTH).methods;
    assert.deepEqual(
      methods.map(({ name, methodKind }) => [name, methodKind]),
      [
        ["Check", "unary"],
        ["List", "unary"],
        ["Watch", "server_streaming"],
      ],
    );
    const [statuses] = registry.getMessage("grpc.health.v1.HealthListResponse").fields;
    assert.deepEqual([statuses.fieldKind, statuses.jsonName], ["map", "statuses"]);
  });
});
