/** Real sockets on loopback, which are closed at the end of a test. */
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { eventually } from "../support/eventually.js";

/** A PEM text of test/fixtures/tls. */
export function pem(name: string): string {
  return readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
}

/** A client that records bytes, end and close. */
export class Client {
  readonly socket: Socket;
  received = "";
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("close", () => {
      this.closed = true;
    });
  }

  /** Connects. The client does not close its half when the server closes its own. */
  static to(where: number | string, t: TestContext, localAddress = "127.0.0.1"): Client {
    const address = typeof where === "number" ? { port: where, host: "127.0.0.1", localAddress } : { path: where };
    const client = new Client(connect({ ...address, allowHalfOpen: true, noDelay: true }));
    t.after(() => void client.socket.destroy());
    return client;
  }

  async gone(): Promise<void> {
    await eventually(() => this.closed || this.ended, "the server closes the connection");
  }
}

/** Accepts connections on a free port, and returns the port. */
export async function accepting(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  // a server that listens on a port has an address with one
  return (server.address() as AddressInfo).port;
}
