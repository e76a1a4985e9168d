/** The TLS records of a client, broken: they reach OpenSSL, and whatever it reports reaches healthbridge. */
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { pause } from "../../support/eventually.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { mutate } from "../mutation.js";

/** A ClientHello of Node's TLS client. */
export async function recordClientHello(): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // a server that listens on TCP has such an address
  const client = connectTls({ port, host: "127.0.0.1", ALPNProtocols: ["h2", "http/1.1"], servername: "fuzz" });
  client.on("error", () => {});
  try {
    const [socket] = (await once(server, "connection")) as [Socket];
    const [hello] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    return hello;
  } finally {
    client.destroy();
    server.close();
  }
}

/** Sends a broken ClientHello, then bytes that are no record. */
export async function sendBrokenTls(port: number, hello: Buffer, random: SeededRandom): Promise<void> {
  const socket = connectTcp({ port, host: "127.0.0.1" }).on("error", () => {});
  socket.write(random.next() < 0.3 ? hello : mutate(random, hello));
  await pause(random.pick([0, 5, 20]));
  if (random.next() < 0.5) socket.write(mutate(random, Buffer.alloc(200, 0x17)));
  if (random.next() < 0.5) socket.resetAndDestroy();
  else socket.end();
  await pause(5);
  socket.destroy();
}
