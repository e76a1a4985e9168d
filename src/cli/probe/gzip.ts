/** The gzip compression of gRPC messages, for `-gzip`. It is loaded with `node:zlib`. */
import { gunzipSync, gzipSync } from "node:zlib";
import type { MessageEncoding } from "../../client/grpc-call.js";

export const GZIP: MessageEncoding = {
  name: "gzip",
  compress: (message) => gzipSync(message),
  decompress: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
};
