/** The .proto files in proto/, and the descriptors that are generated from them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSync } from "@grpc/proto-loader";
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from "protobufjs/ext/descriptor/index.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What a definition says, without comments and without the functions that were made of it. */
function outlineOf(directory: string, file: string): unknown {
  const definition = loadSync(file, { includeDirs: [directory], keepCase: true });
  const entries = Object.entries(definition).map(([name, value]) => {
    if ("type" in value) return [name, value.type];
    const methods = Object.entries(value).map(
      ([method, { path, requestStream, responseStream, requestType, responseType }]) => {
        return [
          method,
          { path, requestStream, responseStream, request: requestType.type, response: responseType.type },
        ];
      },
    );
    return [name, Object.fromEntries(methods)];
  });
  return JSON.parse(JSON.stringify(Object.fromEntries(entries)));
}

test("our proto file equals the one in grpc-health-check", () => {
  const { protoPath } = createRequire(import.meta.url)("grpc-health-check");
  const ours = outlineOf(here("../proto/"), "grpc/health/v1/health.proto");
  const theirs = outlineOf(fileURLToPath(new URL(".", `file://${protoPath}`)), protoPath);
  assert.deepEqual(ours, theirs);
  assert.ok(JSON.stringify(ours).includes("SERVICE_UNKNOWN"));
});

test("the versions of reflection have the same messages and methods", () => {
  const [v1, v1alpha] = ["v1", "v1alpha"].map((version) => {
    const outline = outlineOf(here("../proto/"), `grpc/reflection/${version}/reflection.proto`);
    return JSON.stringify(outline).replaceAll(`reflection.${version}.`, "reflection.");
  });
  assert.equal(v1, v1alpha);
  assert.ok(v1?.includes("ServerReflectionInfo"));
});

/** A folder for a test, which is gone after it. */
function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "healthbridge-proto-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** Runs the generator: what it writes for the files of a folder, by default for ours. */
function generate(out: string, ...rootAndFiles: readonly string[]): string {
  execFileSync(process.execPath, [here("../proto/generate-descriptors.js"), out, ...rootAndFiles], { stdio: "pipe" });
  return readFileSync(out, "utf8");
}

test("the file of descriptors is what the generator makes of our proto files: `npm run build` writes it", (t) => {
  const committed = readFileSync(here("../src/transports/grpc/file-descriptors.ts"), "utf8");
  assert.equal(committed, generate(join(folder(t), "out.ts")));
});

/** The files that the generator describes, in their order. */
function describeFiles(t: TestContext, files: Readonly<Record<string, string>>): readonly IFileDescriptorProto[] {
  const root = folder(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `syntax = "proto3";\n${text}`);
  }
  const out = generate(join(root, "out.ts"), root, Object.keys(files)[0] ?? "");
  const { FileDescriptorProto } = descriptor;
  return [...out.matchAll(/^ {4}"(.*)",$/gm)].map(([, base64 = ""]) =>
    FileDescriptorProto.toObject(FileDescriptorProto.decode(Buffer.from(base64, "base64"))),
  );
}

const messageOf = (file: IFileDescriptorProto | undefined, name: string): IDescriptorProto | undefined =>
  file?.messageType?.find((message) => message.name === name);

test("a file is described under its own name, behind the files that it imports", (t) => {
  const files = describeFiles(t, {
    "a/a.proto": 'package a; import "b/b.proto"; import "c.proto"; message A { b.B one = 1; top.C two = 2; }',
    "b/b.proto": 'package b; import "c.proto"; message B { top.C c = 1; }',
    "c.proto": "package top; message C {}",
  });
  assert.deepEqual(
    files.map(({ name, package: packageName, dependency }) => [name, packageName, dependency ?? []]),
    [
      ["c.proto", "top", []],
      ["b/b.proto", "b", ["c.proto"]],
      ["a/a.proto", "a", ["b/b.proto", "c.proto"]],
    ],
  );
});

test("types have their full names, looked up from the inside to the outside, and fields their name in JSON", (t) => {
  const [, file] = describeFiles(t, {
    "a.proto": `package x.y; import "b.proto";
      message A { message B { A a_back = 1; B b = 2; } enum E { NONE = 0; } B inner_b = 1; E e = 2; y.Z z = 3; x.z.Z o_ther__z = 4; }
      message Z { A.B b = 1; B outer = 2; }
      message B {}`,
    "b.proto": "package x.z; message Z {}",
  });
  const fields = (message: IDescriptorProto | undefined) =>
    message?.field?.map(({ jsonName, typeName }) => [jsonName, typeName]);
  const a = messageOf(file, "A");
  assert.deepEqual(fields(a), [
    ["innerB", ".x.y.A.B"],
    ["e", ".x.y.A.E"],
    ["z", ".x.y.Z"],
    ["oTherZ", ".x.z.Z"],
  ]);
  assert.deepEqual(fields(a?.nestedType?.[0]), [
    ["aBack", ".x.y.A"],
    ["b", ".x.y.A.B"],
  ]);
  assert.deepEqual(fields(messageOf(file, "Z")), [
    ["b", ".x.y.A.B"],
    ["outer", ".x.y.B"],
  ]);
});

test("the entry of a map has the name that the language demands, and a reserved range ends behind its last number", (t) => {
  const [file] = describeFiles(t, {
    "a.proto":
      "package a; message A { map<string, A> two_words = 1; map<int32, bool> flags = 2; reserved 7, 9 to 11; }",
  });
  const message = messageOf(file, "A");
  assert.deepEqual(
    message?.field?.map(({ typeName }) => typeName),
    [".a.A.TwoWordsEntry", ".a.A.FlagsEntry"],
  );
  assert.deepEqual(
    message?.nestedType?.map(({ name, options }) => [name, options?.mapEntry]),
    [
      ["TwoWordsEntry", true],
      ["FlagsEntry", true],
    ],
  );
  assert.deepEqual(message?.reservedRange, [
    { start: 7, end: 8 },
    { start: 9, end: 12 },
  ]);
});

test("an import of the same package is refused: proto-loader would mix the two files", (t) => {
  const files = {
    "a.proto": 'package a; import "b.proto"; message A { B b = 1; }',
    "b.proto": "package a; message B {}",
  };
  assert.throws(() => describeFiles(t, files), /a\.proto: imports b\.proto of the same package/);
});
