/**
 * SETTINGS: what the two ends of a connection say of themselves (RFC 9113, sections 6.5.1 and 6.5.2).
 */
import { ConnectionError, DEFAULT_WINDOW, frameOf, MAX_31_BITS, MAX_FRAME_BYTES, SETTINGS } from "./frames.js";
import { TABLE_OCTETS } from "./hpack-table.js";

/** Settings that change what we do. */
export interface PeerSettings {
  /** Octets of DATA that a stream may be sent before the client has allowed more. */
  initialWindow: number;
  /** Octets that our header table may hold. */
  tableLimit: number;
  /** That has become less: our next header block has to say how large our table is (RFC 7541, section 4.2). */
  owesTableSize: boolean;
  /** Streams that we may have open at once. */
  maxConcurrentStreams: number;
  /** The peer has said ENABLE_PUSH 1, which a server must not say. */
  enablesPush: boolean;
}

const BYTES_EACH = 6;

const HEADER_TABLE_SIZE = 0x1;
export const ENABLE_PUSH = 0x2;
const MAX_CONCURRENT_STREAMS = 0x3;
const INITIAL_WINDOW_SIZE = 0x4;
const MAX_FRAME_SIZE = 0x5;
export const MAX_HEADER_LIST_SIZE = 0x6;

const MAX_MAX_FRAME_SIZE = 0xff_ffff;

/** What holds until a client says otherwise. */
export function defaultPeerSettings(): PeerSettings {
  return {
    initialWindow: DEFAULT_WINDOW,
    tableLimit: TABLE_OCTETS,
    owesTableSize: false,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    enablesPush: false,
  };
}

/** A SETTINGS frame of identifiers and values. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * BYTES_EACH);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * BYTES_EACH);
    payload.writeUInt32BE(value, index * BYTES_EACH + 2);
  }
  return frameOf(SETTINGS, 0, 0, payload);
}

/** Reads a payload into `settings`, in order. Those that we don't know are passed over. @throws ConnectionError */
export function readSettings(payload: Buffer, settings: PeerSettings): void {
  for (let at = 0; at < payload.length; at += BYTES_EACH) {
    readSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2), settings);
  }
}

function readSetting(id: number, value: number, settings: PeerSettings): void {
  switch (id) {
    case HEADER_TABLE_SIZE:
      settings.owesTableSize ||= value < settings.tableLimit;
      settings.tableLimit = value;
      return;
    case ENABLE_PUSH:
      if (value > 1) throw new ConnectionError("PROTOCOL_ERROR", "ENABLE_PUSH is neither 0 nor 1");
      settings.enablesPush ||= value === 1;
      return;
    case MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      return;
    case INITIAL_WINDOW_SIZE:
      if (value > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "INITIAL_WINDOW_SIZE above 2^31-1");
      settings.initialWindow = value;
      return;
    case MAX_FRAME_SIZE:
      if (value < MAX_FRAME_BYTES || value > MAX_MAX_FRAME_SIZE)
        throw new ConnectionError("PROTOCOL_ERROR", "MAX_FRAME_SIZE out of its range");
  }
}
