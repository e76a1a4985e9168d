/**
 * A proxy that does to its connections what a bad network does: between a prober and a target, on loopback.
 *
 * The faults are those of toxiproxy; each can be set and taken away while connections are open.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What is done to what the target says. */
export interface Faults {
  /** Each piece comes so many milliseconds later. */
  readonly latencyMs?: number;
  /** Pieces of so many bytes, `latencyMs` apart. */
  readonly sliceBytes?: number;
  /** A share of the connections is taken and never answered. */
  readonly lossShare?: number;
  /** Every connection is taken, and nothing more. */
  readonly silent?: boolean;
  /** Every connection is reset. */
  readonly reset?: boolean;
}

export class FaultProxy {
  faults: Faults = {};
  /** Connections that are open now, and the most there ever were at once. */
  open = 0;
  mostOpen = 0;
  accepted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #random: () => number;

  private constructor(targetPort: number, random: () => number) {
    this.#random = random;
    this.#server = createServer((client) => this.#onClient(client, targetPort));
  }

  /** Starts a proxy before a port of loopback. */
  static async start(targetPort: number, random: () => number = Math.random): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, random);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    // a server that listens on TCP has such an address
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks what is open: the faults of now are for those that come. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #onClient(client: Socket, targetPort: number): void {
    this.accepted += 1;
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    this.#follow(client);
    client.once("close", () => {
      this.open -= 1;
    });
    const { reset, silent, lossShare = 0 } = this.faults;
    if (reset === true) {
      client.resetAndDestroy();
      return;
    }
    if (silent === true || this.#random() < lossShare) {
      client.resume().once("end", () => client.destroy());
      return;
    }
    const target = connect(targetPort, "127.0.0.1");
    this.#follow(target);
    client.pipe(target);
    target.on("data", (bytes) => this.#pass(bytes, client));
    // what is still on its way comes before the end
    target.once("close", () => setTimeout(() => client.end(), 2 * (this.faults.latencyMs ?? 0)).unref());
    client.once("close", () => target.destroy());
  }

  #follow(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}); // faults are what this is for
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #pass(bytes: Buffer, client: Socket): void {
    const { latencyMs = 0, sliceBytes = bytes.length } = this.faults;
    for (let at = 0, piece = 1; at < bytes.length; at += sliceBytes, piece += 1) {
      const slice = bytes.subarray(at, at + sliceBytes);
      if (latencyMs === 0) client.write(slice);
      else setTimeout(() => client.writable && client.write(slice), latencyMs * piece).unref();
    }
  }
}
