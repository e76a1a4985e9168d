/**
 * What reflection answers, for any engine: bytes in, bytes out.
 *
 *     request --> read --> look up in the descriptors --> file with its imports | numbers | services | error
 *
 * The texts of errors are constants. Only `original_request` and `base_type_name` repeat what the client sent, because the
 * protocol demands it; the size of a request bounds them.
 */
import {
  type ReflectionQuery,
  type ReflectionResult,
  readReflectionRequest,
  writeReflectionResponse,
} from "../../wire/reflection-messages.js";
import type { DescribedFile, DescriptorIndex } from "./descriptor-index.js";

/**
 * Answers a request; `undefined` when it is malformed.
 * @param sent the files that this stream has sent; the answer's are added. A file that was asked for is always sent. A file
 * that it imports is sent once on a stream, as grpc-go does: clients keep what they have.
 */
export function answerReflection(
  index: DescriptorIndex,
  message: Uint8Array,
  sent: Set<DescribedFile>,
): Buffer | undefined {
  const request = readReflectionRequest(message);
  return request && writeReflectionResponse(request, lookUp(index, request.query, sent));
}

function lookUp(index: DescriptorIndex, query: ReflectionQuery, sent: Set<DescribedFile>): ReflectionResult {
  const filesOf = (file: DescribedFile | undefined, otherwise: string): ReflectionResult =>
    file === undefined ? { code: "NOT_FOUND", text: otherwise } : { files: unsent(index, file, sent) };
  switch (query.kind) {
    case "file_by_filename":
      return filesOf(index.file(query.name), "file not found");
    case "file_containing_symbol":
      return filesOf(index.fileOfSymbol(query.name), "symbol not found");
    case "file_containing_extension":
      return filesOf(index.fileOfExtension(query), "extension not found");
    case "all_extension_numbers_of_type": {
      const numbers = index.extensionNumbers(query.type);
      return numbers ? { type: query.type, numbers } : { code: "NOT_FOUND", text: "type not found" };
    }
    case "list_services":
      return { services: index.services };
    case "none":
      return { code: "INVALID_ARGUMENT", text: "no message_request in the request" };
    default:
      return query satisfies never;
  }
}

/** A file with its imports, without the imports that the stream has had. */
function unsent(index: DescriptorIndex, root: DescribedFile, sent: Set<DescribedFile>): readonly Uint8Array[] {
  const files = [...index.withImports(root)].filter((file) => file === root || !sent.has(file));
  for (const file of files) sent.add(file);
  return files.map(({ bytes }) => bytes);
}
