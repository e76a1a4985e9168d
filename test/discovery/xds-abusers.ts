/**
 * Clients that abuse xDS, in a process of their own: reading for them must not delay the honest subscriber.
 *
 *     node xds-abusers.ts PORT KIND --> "ready" to the parent, with which they end
 */
import { frame, GrpcPeer } from "../support/grpc-peer.js";
import { ADS, TYPES, writeDiscoveryRequest } from "../support/xds-messages.js";

/** The kinds, by the words that a report has for them. */
const KINDS = {
  "500 streams that do not read, of all services": openStuck,
  "8 streams that NACK at full speed": openNacking,
  "10,000 instances that flap, before 20 subscribers of all": openSubscribers,
  "one service of 10,000 instances that flap, before 20 subscribers": openSubscribers,
  "20 subscribers of all that connect again every 100 ms": reconnect,
} as const;

export type AbuseKind = keyof typeof KINDS;

const STUCK_CONNECTIONS = 25;
const STUCK_STREAMS_EACH = 20;
const NACKING = 8;
const SUBSCRIBERS = 20;
const RECONNECT_MS = 100;

const request = (names: readonly string[], more = {}) =>
  frame(writeDiscoveryRequest({ type_url: TYPES.eds, resource_names: names, ...more }));

const [port, kind] = [Number(process.argv[2]), process.argv[3] ?? ""];

function open(peer: GrpcPeer, ...names: readonly string[]) {
  const stream = peer.open(ADS).on("error", () => {});
  stream.write(request(names));
  return stream;
}

function openStuck(): void {
  for (let at = 0; at < STUCK_CONNECTIONS; at += 1) {
    const peer = new GrpcPeer(port);
    for (let count = 0; count < STUCK_STREAMS_EACH; count += 1) open(peer, "*").pause();
  }
}

function openNacking(): void {
  const nack = request(["s1"], { response_nonce: "1", error_detail: { message: "no" } });
  const nacks = Buffer.concat(Array(200).fill(nack));
  for (let at = 0; at < NACKING; at += 1) {
    const stream = open(new GrpcPeer(port), "s1").resume();
    const again = () => void stream.write(nacks, again);
    again();
  }
}

function openSubscribers(): readonly GrpcPeer[] {
  const peers = Array.from({ length: SUBSCRIBERS }, () => new GrpcPeer(port));
  for (const peer of peers) open(peer, "*").resume();
  return peers;
}

function reconnect(): void {
  const peers = openSubscribers();
  setTimeout(() => {
    for (const peer of peers) peer.close();
    reconnect();
  }, RECONNECT_MS);
}

const found = Object.entries(KINDS).find(([name]) => name === kind);
if (found === undefined) throw new Error(`no kind of abuse "${kind}"`);
found[1]();
process.send?.("ready");
process.on("disconnect", () => process.exit());
