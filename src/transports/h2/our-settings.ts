/**
 * What we say of ourselves in SETTINGS (RFC 9113, section 6.5.2). What isn't here is as the RFC has it by default.
 */
import { ACK, frameOf, SETTINGS } from "../../wire/http2/frames.js";
import { MAX_HEADER_LIST_OCTETS } from "../../wire/http2/hpack-decoder.js";
import { MAX_STREAMS } from "./stream-table.js";

const MAX_CONCURRENT_STREAMS = 0x3;
const MAX_HEADER_LIST_SIZE = 0x6;

/** The frame that every connection of ours begins with. */
export const OUR_SETTINGS = frameOf(
  SETTINGS,
  0,
  0,
  Buffer.concat([setting(MAX_CONCURRENT_STREAMS, MAX_STREAMS), setting(MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST_OCTETS)]),
);

/** Says that the client's SETTINGS hold (section 6.5.3). */
export const SETTINGS_ACKNOWLEDGED = frameOf(SETTINGS, ACK, 0, Buffer.alloc(0));

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}
