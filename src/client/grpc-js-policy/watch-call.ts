/**
 * A Watch call on the connection of a subchannel.
 *
 *     credentials of the channel --> subchannel.createCall --> request --> messages --> status
 *
 * It is made without the filters of grpc-js. On this way of a call they have no handler for errors: a message with an
 * invalid compression would be an unhandled rejection, and end the process. Compression is not offered.
 */
import { messageOf } from "../../core/health-error.js";
import type { WatchStatus } from "../../core/serving-status.js";
import { HEALTH_SERVICE, readHealthCheckResponse, writeHealthCheckRequest } from "../../wire/health-messages.js";
import { PREFIX_BYTES, withPrefix } from "../grpc-call.js";
import type { ChannelOptions, GrpcJs, Subchannel } from "./grpc-js.js";

/** Receives what comes of a Watch. Nothing is called before `openWatchCall` returns, nor after the call is cancelled. */
export interface WatchCallListener {
  onStatus(status: WatchStatus): void;
  /** Called once, last. `code` is a number of gRPC. */
  onEnd(code: number, text: string): void;
}

type RealSubchannel = ReturnType<Subchannel["getRealSubchannel"]>;
type RunningCall = ReturnType<RealSubchannel["createCall"]>;

const PATH = `/${HEALTH_SERVICE}/Watch`;

/** Watches a service over the connection of a subchannel. */
export class WatchCall {
  readonly #grpc: GrpcJs;
  readonly #subchannel: RealSubchannel;
  readonly #listener: WatchCallListener;
  #call: RunningCall | undefined;
  #isOver = false;

  constructor(grpc: GrpcJs, subchannel: RealSubchannel, listener: WatchCallListener) {
    this.#grpc = grpc;
    this.#subchannel = subchannel;
    this.#listener = listener;
  }

  /** Starts the call. What fails on the way is its end. */
  start(service: string, authority: string): void {
    this.#start(service, authority).catch((error: unknown) =>
      this.#end(this.#grpc.status.UNAVAILABLE, messageOf(error)),
    );
  }

  /** Ends the call, also while its credentials are still being made. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelStream();
  }

  async #start(service: string, authority: string): Promise<void> {
    const serviceUrl = `https://${authority.replace(/:\d+$/, "")}/${HEALTH_SERVICE}`;
    const credentials = this.#subchannel.getCallCredentials();
    const metadata = await credentials.generateMetadata({ method_name: PATH, service_url: serviceUrl });
    if (this.#isOver) return;
    // throws when the connection has ended meanwhile
    const call = this.#subchannel.createCall(metadata, authority, PATH, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (message) => this.#onMessage(message),
      onReceiveStatus: ({ code, details }) => this.#end(code, details),
    });
    this.#call = call;
    call.startRead();
    call.sendMessageWithContext({}, withPrefix(writeHealthCheckRequest(service), 0));
    call.halfClose();
  }

  #onMessage(message: unknown): void {
    if (this.#isOver) return;
    const status = Buffer.isBuffer(message) ? statusIn(message) : undefined;
    if (status === undefined) {
      this.#cancelStream();
      this.#end(this.#grpc.status.INTERNAL, "the message is not a HealthCheckResponse");
      return;
    }
    this.#call?.startRead();
    this.#listener.onStatus(status);
  }

  #end(code: number, text: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onEnd(code, text);
  }

  #cancelStream(): void {
    this.#call?.cancelWithStatus(this.#grpc.status.CANCELLED, "the health of the backend is not needed any more");
  }
}

/** A message comes with its five bytes of gRPC. The first of them is 1 where it is compressed. */
function statusIn(message: Buffer): WatchStatus | undefined {
  return message[0] === 0 ? readHealthCheckResponse(message.subarray(PREFIX_BYTES)) : undefined;
}

/**
 * The `:authority` of the channel's own calls, by the rules of grpc-js' resolvers. A proxy that routes by it must send the
 * Watch to the same backend.
 */
export function authorityOf(subchannel: RealSubchannel, options: ChannelOptions): string {
  const given = options["grpc.default_authority"];
  if (typeof given === "string" && given !== "") return given;
  const proxied = options["grpc.http_connect_target"];
  const channel = subchannel.getChannel();
  const target = typeof proxied === "string" ? proxied : channel.getTarget();
  channel.close(); // the subchannel registers it in channelz until then
  const [, scheme = "dns", path = target] = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/[^/]*\/)?(.*)$/is.exec(target) ?? [];
  if (scheme === "unix") return "localhost";
  return scheme === "ipv4" || scheme === "ipv6" ? (path.split(",")[0] ?? path) : path;
}
