/** HTTP/2: how a connection begins, and what a server must send on it. */
import { PREFACE } from "../wire/http2/frame-reader.js";
import { frameOf, PING, SETTINGS } from "../wire/http2/frames.js";
import { outcomeOf } from "./context.js";
import type { FrameConnection } from "./frame-connection.js";
import { breaks, type ConformanceRow, HOLDS, notTried } from "./row.js";
import { SERVED } from "./row-kinds.js";
import { rfc9113 } from "./sources.js";

/** An identifier of SETTINGS that no standard defines. */
const UNKNOWN_SETTING = 0xf0f0;

/** The pause between the bytes of a preface. */
const BYTE_PAUSE_MS = 2;

/** Writes bytes one by one. */
async function writeSlowly(connection: FrameConnection, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    connection.write(Buffer.from([byte]));
    await connection.until(() => false, BYTE_PAUSE_MS);
  }
}

export const HTTP2_CONNECTION_ROWS: readonly ConformanceRow[] = [
  {
    id: "settings-first",
    rule: "The first frame of a server is SETTINGS.",
    source: rfc9113("3.4"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.dial();
      connection.greet();
      await connection.until(() => connection.firstFrame !== undefined, context.answerMs);
      if (connection.firstFrame === SETTINGS) return HOLDS;
      const received =
        connection.firstFrame === undefined ? connection.describe() : `a frame of type ${connection.firstFrame}`;
      return breaks("the connection preface", "SETTINGS", received);
    },
  },
  {
    id: "settings-ack",
    rule: "The server acknowledges the SETTINGS of the client.",
    source: rfc9113("6.5.3"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      await connection.until(() => connection.settingsAcks > 0, context.answerMs);
      if (connection.settingsAcks > 0) return HOLDS;
      return breaks("SETTINGS", "SETTINGS with ACK", connection.describe());
    },
  },
  {
    id: "settings-unknown",
    rule: "A setting that the server does not know is ignored.",
    source: rfc9113("6.5.2"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connectWith([[UNKNOWN_SETTING, 1]]);
      const answer = await context.call(connection);
      if (context.isServed(answer)) return HOLDS;
      return breaks("SETTINGS with the identifier 0xf0f0, and a Check", SERVED.expected, outcomeOf(connection, answer));
    },
  },
  {
    id: "preface-bytes",
    rule: "The preface of the client may come in any number of segments.",
    source: rfc9113("3.4"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.dial();
      await writeSlowly(connection, PREFACE);
      connection.greet({ hasPreface: true });
      const answer = await context.call(connection);
      if (context.isServed(answer)) return HOLDS;
      return breaks("the preface byte by byte, and a Check", SERVED.expected, outcomeOf(connection, answer));
    },
  },
  {
    id: "ping",
    rule: "The server answers PING with the same 8 octets and ACK.",
    source: rfc9113("6.7"),
    severity: "must",
    group: "http2",
    async run(context) {
      const connection = await context.connect();
      const payload = Buffer.from("conform.", "latin1");
      connection.write(frameOf(PING, 0, 0, payload));
      await connection.until(() => connection.pingAcks.length > 0, context.answerMs);
      const [ack] = connection.pingAcks;
      if (ack?.equals(payload) === true) return HOLDS;
      const received =
        ack === undefined ? `no ACK; ${connection.describe()}` : `PING with ACK and ${ack.toString("hex")}`;
      return breaks(`PING ${payload.toString("hex")}`, "PING with ACK and the same octets", received);
    },
  },
  {
    id: "tls-alpn",
    rule: "Over TLS, the server chooses the protocol h2 by ALPN.",
    source: rfc9113("3.2"),
    severity: "must",
    group: "http2",
    async run(context) {
      if (!context.server.isTls) return notTried("the connection is in clear text (see --tls)");
      const connection = await context.dial();
      if (connection.alpnProtocol === "h2") return HOLDS;
      const chosen = connection.alpnProtocol;
      return breaks("a TLS handshake that offers h2", "h2", typeof chosen === "string" ? chosen : "no protocol");
    },
  },
  {
    id: "survives",
    rule: "After all of this, the server still answers.",
    source: rfc9113("5.4"),
    severity: "must",
    group: "http2",
    isLast: true,
    async run(context) {
      const sent = "all the other rows, and a Check on a new connection";
      try {
        const connection = await context.connect();
        const answer = await context.call(connection);
        return context.isServed(answer) ? HOLDS : breaks(sent, SERVED.expected, outcomeOf(connection, answer));
      } catch (error) {
        return breaks(sent, SERVED.expected, error instanceof Error ? error.message : String(error));
      }
    },
  },
];
