/** Targets that refuse a login and repeat everything that they were sent, as some servers do in their errors. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Socket } from "node:net";
import { longText, methodFrame, PROTOCOL_HEADER, shortText, table } from "../../src/probers/amqp-frames.js";
import { httpTarget, rawTarget, type Target } from "../probers/targets.js";
import { accepting, CLOSE, serverFrame, TEXT, webSocketServer } from "../probers/websocket-server.js";

interface UdpTarget {
  readonly port: number;
  stop(): void;
}

/** The targets, by their scheme. */
export interface EchoTargets {
  readonly http: Target;
  readonly redis: Target;
  readonly amqp: Target;
  readonly postgres: Target;
  readonly ws: Target;
  readonly udp: UdpTarget;
  /** Accepts nothing: its port is closed. */
  readonly closed: Target;
}

export async function startEchoTargets(): Promise<EchoTargets> {
  const [http, redis, amqp, postgres, ws, udp, closed] = await Promise.all([
    httpTarget(async (request, response) => {
      const { method, url, headers } = request;
      let body = "";
      for await (const bytes of request) body += bytes;
      const echo = JSON.stringify({ echo: headers.authorization ?? "", more: { method, url, headers, body } });
      response.writeHead(503, { "x-echo": `${headers.authorization ?? ""} ${url}` }).end(echo);
    }),
    rawTarget((socket) => answering(socket, (bytes) => `-WRONGPASS for ${printed(bytes)}\r\n`)),
    rawTarget(amqp0),
    rawTarget(postgres3),
    rawTarget(webSocket),
    startUdp(),
    rawTarget(() => {}),
  ]);
  await closed.stop();
  return { http, redis, amqp, postgres, ws, udp, closed };
}

export async function stopEchoTargets({ closed: _, ...targets }: EchoTargets): Promise<void> {
  await Promise.all(Object.values(targets).map((target: Target | UdpTarget) => target.stop()));
}

function answering(socket: Socket, answer: (bytes: Buffer) => string | Buffer): void {
  socket.on("end", () => socket.end());
  socket.on("data", (bytes: Buffer) => void socket.write(answer(bytes)));
}

/** What was sent, on one line. */
const printed = (bytes: Buffer) => bytes.toString("utf8").replace(/[\r\n\0]+/g, " ");

/** Repeats the request in a message, and messages in the reason of a Close. */
function webSocket(socket: Socket): void {
  let request = "";
  webSocketServer({
    answer: (head, accept) => {
      request = printed(Buffer.from(head));
      setImmediate(() => socket.write(serverFrame(TEXT, request)));
      return accepting(accept);
    },
    onFrame: ({ first, payload }) => {
      if (first !== TEXT) return void socket.end();
      const text = Buffer.from(`refused: ${printed(payload)}`).subarray(0, 120);
      socket.end(serverFrame(CLOSE, Buffer.concat([Buffer.from([3, 0xf0]), Buffer.from(text.toString("utf8"))])));
    },
  })(socket);
}

/** Repeats each datagram. */
async function startUdp(): Promise<UdpTarget> {
  const socket = createSocket("udp4", (message, { port, address }) =>
    socket.send(`no: ${printed(message)}`, port, address),
  );
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, stop: () => socket.close() };
}

/** Start, and a Close with the credentials for StartOk. */
function amqp0(socket: Socket): void {
  const start = [Buffer.from([0, 9]), table({}), longText("PLAIN"), longText("en_US")];
  const close = (text: string) => [
    Buffer.from([0x01, 0x93]),
    shortText(`refused: ${text}`.slice(0, 80)),
    Buffer.from([0, 10, 0, 11]),
  ];
  answering(socket, (bytes) =>
    bytes.subarray(0, 4).equals(PROTOCOL_HEADER.subarray(0, 4))
      ? methodFrame(0, [10, 10], ...start)
      : methodFrame(0, [10, 50], ...close(printed(bytes).slice(printed(bytes).indexOf("PLAIN")))),
  );
}

/** Asks for the password in clear text, and repeats it in its ErrorResponse. */
function postgres3(socket: Socket): void {
  const message = (type: string, payload: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeUInt32BE(payload.length + 4, 1);
    return Buffer.concat([head, payload]);
  };
  answering(socket, (bytes) => {
    if (bytes[0] !== 0x70) return message("R", Buffer.from([0, 0, 0, 3]));
    const text = `password authentication failed for ${printed(bytes.subarray(5))}`;
    return message("E", Buffer.from(`SFATAL\0C28P01\0M${text}\0\0`));
  });
}
