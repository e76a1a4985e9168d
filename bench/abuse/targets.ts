/** Targets that answer without end: a valid start, then as much as the prober takes, for as long as it stays. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { FAKE_SERVERS } from "../../test/probers/fake-servers.js";

const BLOCK = Buffer.alloc(262_144, "x-field: value\r\n");

/** A scheme whose target floods. */
export interface FloodingTarget {
  readonly scheme: string;
  readonly url: string;
  stop(): void;
}

/** Starts a flooding target of each scheme. */
export async function floodingTargets(): Promise<readonly FloodingTarget[]> {
  return Promise.all(
    Object.entries(FAKE_SERVERS).map(async ([scheme, serve]) => {
      const fake = await open(
        createServer((socket) =>
          serve(
            socket.on("error", () => {}),
            () => true,
          ),
        ),
      );
      const server = await open(
        createServer((socket) =>
          flood(
            socket.on("error", () => {}),
            portOf(fake),
          ),
        ),
      );
      return {
        scheme,
        url: `${scheme}://${scheme === "postgres" || scheme === "mysql" ? "a@" : ""}127.0.0.1:${portOf(server)}`,
        stop() {
          fake.close();
          server.close();
        },
      };
    }),
  );
}

/** Hands on the first answer of the good server, then floods. */
function flood(socket: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1").on("error", () => {});
  socket.on("data", (bytes: Buffer) => upstream.write(bytes));
  const more = () => {
    while (socket.writable && socket.write(BLOCK));
  };
  upstream.once("data", (answer: Buffer) => {
    socket.write(answer);
    socket.on("drain", more);
    more();
  });
  socket.once("close", () => upstream.destroy());
}

async function open(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // it listens on TCP
}
