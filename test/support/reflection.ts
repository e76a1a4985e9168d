/** Messages of reflection for tests, written and read by proto-loader and protobufjs: not by the code under test. */
import { fileURLToPath } from "node:url";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import descriptor, { type IFileDescriptorProto } from "protobufjs/ext/descriptor/index.js";

export const PROTO_FOLDER = fileURLToPath(new URL("../../proto", import.meta.url));

/** The versions of the service. */
export const VERSIONS = ["v1", "v1alpha"] as const;

export type Version = (typeof VERSIONS)[number];

/** A request, by the names of the proto file. */
export type Asking = Readonly<Record<string, unknown>>;

/** An answer, by the names of the proto file; `message_response` names the field that is set. */
export interface Answer {
  readonly valid_host: string;
  readonly original_request: Asking;
  readonly message_response?: string;
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly all_extension_numbers_response?: {
    readonly base_type_name: string;
    readonly extension_number: readonly number[];
  };
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
}

export const methodOf = (version: Version): string =>
  `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;

/** What a version's proto file makes of messages. */
function codecOf(version: Version) {
  const options = { includeDirs: [PROTO_FOLDER], keepCase: true, oneofs: true, defaults: true };
  const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, options);
  // what has the name of a message is one
  const message = (name: string) =>
    definition[`grpc.reflection.${version}.${name}`] as MessageTypeDefinition<object, object>;
  return { request: message("ServerReflectionRequest"), response: message("ServerReflectionResponse") };
}

const CODECS = { v1: codecOf("v1"), v1alpha: codecOf("v1alpha") };

export function writeRequest(request: Asking, version: Version = "v1"): Buffer {
  return CODECS[version].request.serialize(request);
}

export function readAnswer(bytes: Uint8Array, version: Version = "v1"): Answer {
  // proto-loader types what it reads as an object
  return CODECS[version].response.deserialize(Buffer.from(bytes)) as Answer;
}

/** The file descriptors in an answer. */
export function filesIn(answer: Answer): readonly IFileDescriptorProto[] {
  const { FileDescriptorProto } = descriptor;
  const files = answer.file_descriptor_response?.file_descriptor_proto ?? [];
  return files.map((bytes) => FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes)));
}

/** The names of the files in an answer. */
export function fileNamesIn(answer: Answer): readonly string[] {
  return filesIn(answer).map(({ name }) => name ?? "");
}

/** The code and text of an answer's error. */
export function errorIn({ error_response }: Answer): readonly [code: number, text: string] | undefined {
  return error_response && [error_response.error_code, error_response.error_message];
}

/** A serialized file descriptor. */
export function writeFile(file: IFileDescriptorProto): Buffer {
  const { FileDescriptorProto } = descriptor;
  return Buffer.from(FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish());
}
