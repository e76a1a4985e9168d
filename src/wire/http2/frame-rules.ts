/**
 * What holds for a frame in every state of the connection and its streams: its stream and its length (RFC 9113,
 * section 6). Client and server check each frame here first.
 *
 * Frames of unknown types are valid (section 5.5). What depends on a state is not checked here.
 */
import { ACK, ConnectionError, GOAWAY, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE } from "./frames.js";

/** @throws ConnectionError PROTOCOL_ERROR for a frame on a wrong stream, FRAME_SIZE_ERROR for a wrong length */
export function requireValidFrame(type: number, flags: number, streamId: number, length: number): void {
  switch (type) {
    case SETTINGS:
      requireNoStream(streamId);
      requireLength((flags & ACK) === 0 ? length % 6 === 0 : length === 0, "SETTINGS");
      return;
    case PING:
      requireNoStream(streamId);
      requireLength(length === 8, "PING");
      return;
    case GOAWAY:
      requireNoStream(streamId);
      requireLength(length >= 8, "GOAWAY");
      return;
    case PRIORITY:
      if (streamId === 0) throw new ConnectionError("PROTOCOL_ERROR", "PRIORITY on stream 0");
      requireLength(length === 5, "PRIORITY");
      return;
    case RST_STREAM:
      requireLength(length === 4, "RST_STREAM");
      return;
    case WINDOW_UPDATE:
      requireLength(length === 4, "WINDOW_UPDATE");
  }
}

function requireNoStream(streamId: number): void {
  if (streamId !== 0) throw new ConnectionError("PROTOCOL_ERROR", "a connection frame on a stream");
}

function requireLength(isValid: boolean, frame: string): void {
  if (!isValid) throw new ConnectionError("FRAME_SIZE_ERROR", `${frame} with a wrong length`);
}
