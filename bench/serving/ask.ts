/** One Check on a connection of its own, written as bytes: finds out whether a server serves. */
import { callHeaders, FLAG, h2frame, headerBlock, PREFACE, RawPeer, TYPE } from "../../test/support/raw-http2.js";

/** The answer SERVING, with its prefix. */
export const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

const ANSWER_TIMEOUT_MS = 5_000;

/** The length-prefixed request for a service with a short name. */
export function requestFor(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

/** The answer of the server; empty when it refuses or closes the connection, or takes longer than 5 s. */
export function ask(port: number, service: string): Promise<Buffer> {
  const peer = new RawPeer(port);
  const headers = headerBlock(callHeaders("/grpc.health.v1.Health/Check"));
  peer.write(
    PREFACE,
    h2frame(TYPE.SETTINGS, 0, 0),
    h2frame(TYPE.HEADERS, FLAG.END_HEADERS, 1, headers),
    h2frame(TYPE.DATA, FLAG.END_STREAM, 1, requestFor(service)),
  );
  return new Promise((resolve) => {
    const finish = () => {
      peer.close();
      resolve(peer.data(1));
    };
    peer.socket.setTimeout(ANSWER_TIMEOUT_MS, finish);
    peer.socket.once("close", finish);
    peer.socket.on("data", () => {
      if (peer.frames().some(endsAnswer)) finish();
    });
  });
}

function endsAnswer({ type, flags, stream }: { type: number; flags: number; stream: number }): boolean {
  return stream === 1 && (type === TYPE.DATA || type === TYPE.HEADERS) && (flags & FLAG.END_STREAM) !== 0;
}
