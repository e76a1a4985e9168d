/**
 * Reads the body of a call, as far as it may be long.
 */
import type { Readable } from "node:stream";
import { MAX_BODY_BYTES } from "./connect-json.js";

/** The body; of one that is too long, its beginning and a byte more than is allowed. Never rejects. */
export async function readBody(request: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) break;
    }
  } catch {
    // the client has gone: there is nobody left to answer
  }
  return Buffer.concat(chunks);
}
