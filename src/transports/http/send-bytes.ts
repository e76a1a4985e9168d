/**
 * Sends a large body over one of Node's streams as fast as the client reads: at most one chunk waits in memory.
 */
import type { Writable } from "node:stream";
import type { BytesReader, SharedBytes } from "../../core/shared-bytes.js";

/** Bytes that wait in a stream at most. One chunk a turn of the event loop: other connections get their turns. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Sends a body and ends the stream. The stream must be open.
 * @param abort ends the answer abruptly; called when the memory is needed for newer answers
 * @returns the reader, whose `bytesLeft` shows the progress
 */
export function sendBytes(output: Writable, bytes: SharedBytes, abort: () => void): BytesReader {
  const reader = bytes.open(abort);
  const sendChunk = () => {
    if (output.destroyed || output.writableEnded) return;
    const chunk = reader.read(CHUNK_BYTES);
    if (reader.bytesLeft === 0) output.end(chunk);
    else if (output.write(chunk)) setImmediate(sendChunk);
  };
  output.on("drain", () => void setImmediate(sendChunk)).once("close", () => reader.close());
  sendChunk();
  return reader;
}
