/**
 * A DNS server: answers A, AAAA and SRV over UDP and TCP, late, cut short or not at all, or fails. Source: RFC 1035, section 4.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv4, type Server } from "node:net";
import type { TestContext } from "node:test";

/** The records of a name. */
export interface Records {
  readonly ttl: number;
  readonly addresses: readonly string[];
  /** SRV records: `PRIORITY WEIGHT PORT HOST`. */
  readonly servers?: readonly string[];
}

const TYPE_A = 1;
const TYPE_AAAA = 28;
const TYPE_SRV = 33;
const NAME_ERROR = 3;
const SERVER_FAILURE = 2;

export class NameServer {
  readonly records = new Map<string, Records>();
  /** Answer every query with SERVFAIL. */
  failing = false;
  /** Answer no query. */
  silent = false;
  /** Answer no query for an address of this family. */
  silentFamily: 4 | 6 | undefined;
  /** Answer after so long. */
  delayMs = 0;
  /** Answer a query for A after so much longer. */
  delayOfA = 0;
  /** Answer a query for A that the name does not exist. */
  denyingA = false;
  /** Answer over UDP that the answer is too long for it. */
  truncating = false;
  /** Send an answer with another id first. */
  forging = false;
  questions = 0;
  readonly #socket: Socket;
  readonly #tcp: Server;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (message, { port, address }) => {
      this.questions += 1;
      const family = questionOf(message).type === TYPE_AAAA ? 6 : 4;
      if (this.silent || this.silentFamily === family) return;
      const answer = this.truncating ? cutShort(message) : this.#answer(message);
      if (this.forging) socket.send(forged(answer), port, address);
      setTimeout(
        () => this.#isOpen && socket.send(answer, port, address),
        this.delayMs + (family === 4 ? this.delayOfA : 0),
      );
    });
    this.#tcp = createServer((connection) => {
      connection
        .on("error", () => {})
        .on("data", (bytes) => {
          const answer = this.#answer(bytes.subarray(2));
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          connection.write(length);
          setTimeout(() => connection.write(answer), 5); // in two parts
        });
    });
  }

  #isOpen = true;

  /** Starts a server on a free port of loopback. It ends with the test. */
  static async start(t: TestContext): Promise<NameServer> {
    const server = await NameServer.open();
    t.after(() => server.close());
    return server;
  }

  /** The same; the caller closes it. */
  static async open(): Promise<NameServer> {
    for (let attempts = 1; ; attempts += 1) {
      const socket = createSocket("udp4");
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
      const server = new NameServer(socket);
      try {
        server.#tcp.listen(socket.address().port, "127.0.0.1").unref();
        await once(server.#tcp, "listening");
        return server;
      } catch (error) {
        server.close();
        if (attempts === 10) throw error; // a port that is free for UDP is used for TCP
      }
    }
  }

  /** `ADDRESS:PORT`, for a resolver. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#isOpen = false;
    this.#tcp.close();
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const { name, type, end } = questionOf(query);
    const known = this.denyingA && type === TYPE_A ? undefined : this.records.get(name.toLowerCase());
    const found = (known?.addresses ?? []).filter((address) => isIPv4(address) === (type === TYPE_A));
    const wanted = type === TYPE_A || type === TYPE_AAAA ? found : type === TYPE_SRV ? (known?.servers ?? []) : [];
    const code = this.failing ? SERVER_FAILURE : known === undefined ? NAME_ERROR : 0;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    const answers = code === 0 ? wanted : [];
    header.writeUInt16BE(answers.length, 6);
    const bodies = answers.map((address) => recordOf(address, type, known?.ttl ?? 0));
    return Buffer.concat([header, query.subarray(12, end), ...bodies]);
  }
}

/** An answer without records, with the flag TC. */
function cutShort(query: Buffer): Buffer {
  const answer = Buffer.from(query);
  answer.writeUInt16BE(0x8380, 2);
  return answer;
}

/** The same answer to another query, with another address at its end. */
function forged(answer: Buffer): Buffer {
  const copy = Buffer.from(answer);
  copy.writeUInt16BE(copy.readUInt16BE(0) ^ 1, 0);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 0xff, copy.length - 1);
  return copy;
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function recordOf(address: string, type: number, ttl: number): Buffer {
  const bytes =
    type === TYPE_SRV
      ? bytesOfServer(address)
      : isIPv4(address)
        ? Buffer.from(address.split(".").map(Number))
        : bytesOfIPv6(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name stands in the question
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

/** The name is not compressed (RFC 2782). */
function bytesOfServer(text: string): Buffer {
  const [priority = "", weight = "", port = "", host = ""] = text.split(" ");
  const head = Buffer.alloc(6);
  for (const [index, number] of [priority, weight, port].entries()) head.writeUInt16BE(Number(number), index * 2);
  const labels = host.split(".").filter(Boolean);
  const name = labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"));
  return Buffer.concat([head, ...name, Buffer.alloc(1)]);
}

function bytesOfIPv6(address: string): Buffer {
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1); // hexadecimal groups only
  const [left = "", right = ""] = plain.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const zeros = Array(8 - groups(left).length - groups(right).length).fill("0");
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...groups(left), ...zeros, ...groups(right)].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}
