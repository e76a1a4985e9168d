/** Servers that speak in clear text until a client asks for TLS, and answer lines inside of it. */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import type { StartTlsProtocol } from "../../src/probers/starttls.js";

const fixture = (file: string) => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url));

/** What a server says, and what follows the client's request for TLS. */
export interface Script {
  /** Sent at once. */
  readonly greeting?: string | Buffer;
  /** The client's messages in their order, each with the answer. The last one is the go-ahead. */
  readonly turns: readonly (readonly [request: string | Buffer, answer: string | Buffer])[];
}

function mysqlPacket(sequence: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, payload]);
}

/** The handshake of version 10 (MySQL's manual, "Protocol::HandshakeV10"), with these lower capabilities. */
export function mysqlGreeting(capabilities: number): Buffer {
  const lower = Buffer.alloc(2);
  lower.writeUInt16LE(capabilities);
  const parts = [Buffer.from("\x0a8.0.0\0"), Buffer.from([1, 0, 0, 0]), Buffer.from("abcdefgh\0"), lower];
  return mysqlPacket(
    0,
    Buffer.concat([...parts, Buffer.from([45, 2, 0, 0xff, 0x81, 21]), Buffer.alloc(10), Buffer.from("ijklmnopqrst\0")]),
  );
}

/** An ERR packet. */
export function mysqlError(code: number, text: string): Buffer {
  return mysqlPacket(0, Buffer.concat([Buffer.from([0xff, code & 0xff, code >> 8]), Buffer.from(`#08004${text}`)]));
}

/** An ExtendedResponse of RFC 4511, section 4.12, with a result code. */
export function ldapResponse(code: number, text = ""): Buffer {
  const diagnostic = Buffer.concat([Buffer.from([4, text.length]), Buffer.from(text)]);
  const body = Buffer.concat([Buffer.from([0x0a, 1, code, 4, 0]), diagnostic]);
  return Buffer.concat([Buffer.from([0x30, body.length + 5, 2, 1, 1, 0x78, body.length]), body]);
}

const LDAP_REQUEST = Buffer.concat([Buffer.from("301d02010177188016", "hex"), Buffer.from("1.3.6.1.4.1.1466.20037")]);

/** A good server of each protocol. */
export const SCRIPTS: Readonly<Record<StartTlsProtocol, Script>> = {
  smtp: {
    greeting: "220-mx.test\r\n220 mx.test ESMTP\r\n",
    turns: [
      ["EHLO healthbridge.invalid\r\n", "250-mx.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"],
      ["STARTTLS\r\n", "220 2.0.0 go ahead\r\n"],
    ],
  },
  imap: {
    greeting: "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
    turns: [["hb STARTTLS\r\n", "* x\r\nhb OK begin\r\n"]],
  },
  pop3: { greeting: "+OK ready <1.2@pop.test>\r\n", turns: [["STLS\r\n", "+OK begin\r\n"]] },
  ftp: { greeting: "120 soon\r\n220-ftp\r\nhello\r\n220 ready\r\n", turns: [["AUTH TLS\r\n", "234 AUTH TLS\r\n"]] },
  postgres: { turns: [[Buffer.from("0000000804d2162f", "hex"), "S"]] },
  mysql: { greeting: mysqlGreeting(0xffff), turns: [[Buffer.alloc(36), ""]] },
  ldap: { turns: [[LDAP_REQUEST, ldapResponse(0)]] },
};

/** Serves a script. `beforeTls` replaces the last answer; inside TLS, each line is echoed. */
export function startTlsServer(
  { greeting = "", turns }: Script,
  beforeTls?: (socket: Socket, goAhead: Buffer) => void,
  own: TLSSocketOptions = {},
) {
  return (socket: Socket): void => {
    if (greeting.length > 0) socket.write(greeting);
    let left = [...turns];
    let received = Buffer.alloc(0);
    const onData = (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const [request, answer] = left[0] ?? ["", ""];
      if (received.length < request.length) return;
      if (typeof request === "string" && received.toString() !== request) return void socket.destroy();
      const rest = received.subarray(request.length); // a client of mysql does not wait
      received = Buffer.alloc(0);
      left = left.slice(1);
      if (left.length > 0) return void socket.write(answer);
      socket.off("data", onData);
      if (beforeTls !== undefined) return beforeTls(socket, Buffer.from(answer));
      socket.write(answer);
      socket.pause();
      socket.unshift(rest);
      const secure = new TLSSocket(socket, {
        isServer: true,
        cert: fixture("server.crt"),
        key: fixture("server.key"),
        ...own,
      });
      secure.on("error", () => {}).on("data", (text) => secure.write(`echo ${text}`));
      secure.on("end", () => secure.end());
    };
    socket.on("data", onData);
  };
}
