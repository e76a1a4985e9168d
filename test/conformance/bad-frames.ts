/**
 * Section B2 as a table: what a client may break in HTTP/2, and what has to come of it by RFC 9113.
 *
 * An outcome is a word or two: `GOAWAY` and `RST_STREAM` with their error code, the first with the end of the connection;
 * `closed` is an end without a word. There is more than one where the RFC leaves a choice.
 */
import { h2frame, PREFACE, type RawPeer, TYPE } from "../support/raw-http2.js";
import { type BadFrames, BROKEN, check, type Outcome } from "./bad-frame.js";
import { FRAMES, HEADER_BLOCKS } from "./bad-frame-formats.js";
import { FLOODS, STREAMS, WINDOWS } from "./bad-frame-streams.js";

/** What never becomes HTTP/2. */
const DOORS: readonly BadFrames[] = [
  // 3.4: GOAWAY may be left out, since this may be no HTTP/2 at all
  {
    row: "B55",
    what: "a preface that ends otherwise",
    bytes: () => Buffer.from("PRI * HTTP/2.0\r\n\r\nXX"),
    outcomes: ["closed"],
    after: ["nothing"],
  },
  {
    row: "B56",
    what: "a preface, and then nothing",
    bytes: () => PREFACE,
    outcomes: ["closed", "GOAWAY NO_ERROR", "GOAWAY SETTINGS_TIMEOUT"],
    after: ["nothing"],
  },
  {
    row: "B57",
    what: "TLS on a plain port",
    bytes: () => clientHello(),
    outcomes: ["closed"],
    after: ["nothing"],
  },
  {
    row: "B58",
    what: "plain HTTP/2 on a TLS port",
    bytes: () => Buffer.concat([PREFACE, h2frame(TYPE.SETTINGS, 0, 0), check()]),
    outcomes: ["closed"],
    after: ["nothing"],
    onTlsPort: true,
  },
  {
    row: "B59",
    what: "a TLS client hello that is cut after 50 bytes",
    bytes: () => clientHello().subarray(0, 50),
    outcomes: ["closed"],
    after: ["nothing"],
    onTlsPort: true,
  },
];

/** The beginning of a TLS handshake that announces more than comes: record header, handshake header, version. */
function clientHello(): Buffer {
  return Buffer.concat([Buffer.from("16030101000100" + "00fc0303", "hex"), Buffer.alloc(120, 7)]);
}

/** Every kind, in the order of docs/conformance.md as far as its numbers go. */
export const BAD_FRAMES: readonly BadFrames[] = [
  ...HEADER_BLOCKS,
  ...FRAMES,
  ...STREAMS,
  ...WINDOWS,
  ...FLOODS,
  ...DOORS,
].sort((one, other) => one.row.localeCompare(other.row));

/** What has come of bad frames; `undefined` when nothing yet. */
export function outcomeOn(raw: RawPeer, { stream = BROKEN }: BadFrames): Outcome | undefined {
  const [goAway, reset] = [raw.goAway(), raw.reset(stream)];
  if (raw.closed) return goAway === undefined ? "closed" : `GOAWAY ${goAway}`;
  return goAway === undefined && reset !== undefined ? `RST_STREAM ${reset}` : undefined;
}
