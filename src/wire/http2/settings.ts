/**
 * SETTINGS of both sides (RFC 9113, section 6.5). A setting that is not sent has the default of the RFC.
 */
import { ACK, ConnectionError, DEFAULT_WINDOW, frameOf, MAX_31_BITS, MAX_FRAME_BYTES, SETTINGS } from "./frames.js";
import { TABLE_OCTETS } from "./hpack-table.js";

/** The settings of the peer that change what healthbridge sends. */
export interface PeerSettings {
  /** Octets of DATA that a new stream may be sent before the peer allows more. */
  initialWindow: number;
  /** Octets that our HPACK table may hold. */
  tableLimit: number;
  /** The table limit was reduced: our next header block must begin with our table size (RFC 7541, section 4.2). */
  owesTableSize: boolean;
  /** Streams that we may have open at once. */
  maxConcurrentStreams: number;
  /** The peer has said ENABLE_PUSH 1, which a server must not say. */
  enablesPush: boolean;
}

const BYTES_EACH = 6;

const HEADER_TABLE_SIZE = 0x1;
const ENABLE_PUSH = 0x2;
const MAX_CONCURRENT_STREAMS = 0x3;
const INITIAL_WINDOW_SIZE = 0x4;
const MAX_FRAME_SIZE = 0x5;
const MAX_HEADER_LIST_SIZE = 0x6;

const MAX_MAX_FRAME_SIZE = 0xff_ffff;

/** Acknowledges the SETTINGS of the peer (section 6.5.3). */
export const SETTINGS_ACK = frameOf(SETTINGS, ACK, 0, Buffer.alloc(0));

export function settingsFrame(settings: {
  readonly enablePush?: boolean;
  readonly maxConcurrentStreams?: number;
  readonly maxHeaderListSize?: number;
}): Buffer {
  const { enablePush, maxConcurrentStreams, maxHeaderListSize } = settings;
  const entries: readonly (readonly [id: number, value: number | undefined])[] = [
    [ENABLE_PUSH, enablePush === undefined ? undefined : Number(enablePush)],
    [MAX_CONCURRENT_STREAMS, maxConcurrentStreams],
    [MAX_HEADER_LIST_SIZE, maxHeaderListSize],
  ];
  const payload = entries.flatMap(([id, value]) => (value === undefined ? [] : [setting(id, value)]));
  return frameOf(SETTINGS, 0, 0, Buffer.concat(payload));
}

/** The defaults of the RFC. */
export function defaultPeerSettings(): PeerSettings {
  return {
    initialWindow: DEFAULT_WINDOW,
    tableLimit: TABLE_OCTETS,
    owesTableSize: false,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    enablesPush: false,
  };
}

/** Reads a payload into `settings`, in order. Unknown settings are ignored. @throws ConnectionError */
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

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(BYTES_EACH);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}
