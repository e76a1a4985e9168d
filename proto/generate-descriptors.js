/**
 * Writes the file descriptors that server reflection sends: `node proto/generate-descriptors.js [OUT] [ROOT FILE...]`.
 *
 *     .proto files --> @grpc/proto-loader --> one descriptor a package --> mend --> FileDescriptorProto bytes --> OUT
 *
 * Without arguments it describes the files below and writes src/transports/grpc/file-descriptors.ts. An imported file is
 * described as well, and stands in OUT before the file that imports it.
 *
 * The result for these files equals the output of `protoc --descriptor_set_out --include_imports` byte for byte: the interop
 * suite compares the two. proto-loader's own descriptors differ, so this program mends them: a file is named after its
 * package, imports are missing, type names are relative, fields have no json_name, reserved ranges end one number early, and
 * the entry of a map field `statuses` is called `Statuses` instead of `StatusesEntry`, which grpcurl refuses.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSync } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";

const { FileDescriptorProto } = descriptor;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const OUT = here("../src/transports/grpc/file-descriptors.ts");
const FILES = [
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
];

/** Adds the descriptor of a file to `described`, after those of its imports. */
function describe(root, name, described) {
  if (described.has(name)) return;
  const { imports = [], package: packageName = "" } = protobuf.parse(readFileSync(join(root, name), "utf8"));
  for (const imported of imports) describe(root, imported, described);
  const file = load(root, name).find((candidate) => (candidate.package ?? "") === packageName);
  if (file === undefined) throw new Error(`${name}: proto-loader has no descriptor of package "${packageName}"`);
  for (const other of transitiveImports(imports, described)) {
    // proto-loader makes one descriptor of all files of a package, and nothing tells which message was in which file
    if (described.get(other).package === file.package)
      throw new Error(`${name}: imports ${other} of the same package, which proto-loader cannot keep apart`);
  }
  file.name = name;
  if (imports.length > 0) file.dependency = imports;
  for (const message of file.messageType ?? []) nameMapEntries(message);
  const names = new Set([file, ...described.values()].flatMap(typeNames));
  for (const message of file.messageType ?? []) complete(message, `.${packageName}`, names);
  described.set(name, file);
}

function transitiveImports(imports, described) {
  return imports.flatMap((name) => [name, ...transitiveImports(described.get(name).dependency ?? [], described)]);
}

/** What proto-loader has of a file and its imports: a descriptor for each package. */
function load(root, name) {
  const definition = loadSync(name, { includeDirs: [root], keepCase: true });
  const { fileDescriptorProtos = [] } =
    Object.values(definition).find((value) => "fileDescriptorProtos" in value) ?? {};
  return fileDescriptorProtos.map((bytes) => FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes)));
}

/** Gives map entries the names that the language demands: `StatusesEntry` for `statuses`. */
function nameMapEntries(message) {
  for (const nested of message.nestedType ?? []) {
    nameMapEntries(nested);
    if (nested.options?.mapEntry !== true) continue;
    for (const field of (message.field ?? []).filter(({ typeName }) => typeName === nested.name)) {
      nested.name = `${field.name.replace(/(?:^|_+)(.?)/g, (_, letter) => letter.toUpperCase())}Entry`;
      field.typeName = nested.name;
    }
  }
}

/** The full names of all messages and enums of a file, with a dot before them. */
function typeNames(file) {
  const within = (scope, { messageType = [], nestedType = messageType, enumType = [] }) => [
    ...enumType.map(({ name }) => `${scope}.${name}`),
    ...nestedType.flatMap((message) => [`${scope}.${message.name}`, ...within(`${scope}.${message.name}`, message)]),
  ];
  return within(file.package ? `.${file.package}` : "", file);
}

/** Completes a message: the json_name of its fields, the full names of their types, and its reserved ranges. */
function complete(message, scope, names) {
  const inner = `${scope}.${message.name}`;
  for (const field of message.field ?? []) {
    field.jsonName = field.name.replace(/_+(.?)/g, (_, letter) => letter.toUpperCase());
    if (field.typeName !== undefined) field.typeName = fullName(field.typeName, inner, names);
  }
  for (const range of message.reservedRange ?? []) range.end += 1; // protoc's end is the first number behind the range
  for (const nested of message.nestedType ?? []) complete(nested, inner, names);
}

/** Looks a name up from the inside to the outside, as the language does. */
function fullName(name, scope, names) {
  if (name.startsWith(".")) return name;
  for (let at = scope; ; at = at.slice(0, at.lastIndexOf("."))) {
    if (names.has(`${at}.${name}`)) return `${at}.${name}`;
    if (at === "") throw new Error(`${scope}: the type ${name} is not found`);
  }
}

/** The TypeScript file. */
function render(described) {
  const entries = [...described].map(([name, file]) => {
    const bytes = Buffer.from(FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish());
    return `  ${JSON.stringify(name)}:\n    "${bytes.toString("base64")}",\n`;
  });
  return `/**
 * The serialized FileDescriptorProto of each .proto file that server reflection sends, in base64, by the file's name.
 * Written by proto/generate-descriptors.js (\`npm run build\`): edit the files in proto/ instead.
 */
export const FILE_DESCRIPTORS: Readonly<Record<string, string>> = {
${entries.join("")}};
`;
}

const [out = OUT, root = here("."), ...files] = process.argv.slice(2);
const described = new Map();
for (const name of files.length > 0 ? files : FILES) describe(root, name, described);
writeFileSync(out, render(described));
