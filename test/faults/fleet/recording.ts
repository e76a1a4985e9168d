/**
 * What each member of a fleet told over its whole life: one stream of /events for each process, and Watches of gRPC.
 *
 * A process that has once told SERVING of a healthy target must never tell anything else of it: `falls` lists what it told
 * instead. Before that, a process that has just started may know nothing.
 */
import { type ClientRequest, get } from "node:http";
import { EventReader } from "../../support/event-client.js";
import { collect, frame, GrpcPeer, HEALTH, request as requestFor, statusIn } from "../../support/grpc-peer.js";

export interface Told {
  /** The process: `m1`, and `m1#2` after a restart; `m1 (Watch)` is what the same process told over gRPC. */
  readonly process: string;
  readonly service: string;
  readonly status: string;
  readonly reason: string | undefined;
  readonly isDegraded: boolean;
  /** Monotonic time of the test. */
  readonly at: number;
}

const RETRY_MS = 50;

const WATCH = " (Watch)";

const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

export class Recording {
  readonly told: Told[] = [];
  readonly #latest = new Map<string, Told>();
  readonly #served = new Set<string>();
  #falls: Told[] = [];
  readonly #streams = new Map<string, ClientRequest>();
  readonly #peers = new Map<string, GrpcPeer>();
  /** Processes that were told to end. */
  readonly #ending = new Set<string>();
  /** Services whose targets fail, and of which all members have told that. */
  readonly failing = new Set<string>();
  /** SERVING that was told of these. */
  readonly falseOks: string[] = [];
  /** Streams that the process ended, without an order. */
  readonly broken: string[] = [];

  /** Follows a process from its start. @param watched services that are watched over gRPC too */
  follow(process: string, address: string, watched: readonly string[]): void {
    if (this.#ending.has(process)) return;
    const reader = new EventReader();
    let read = 0;
    let isAnswered = false;
    const request = get(`http://${address}/events`, { agent: false }, (response) => {
      isAnswered = true;
      this.#watch(process, address, watched);
      response.setEncoding("utf8").on("data", (text: string) => {
        reader.push(text);
        for (; read < reader.events.length; read += 1) this.#take(process, reader.events[read]);
      });
      response.on("close", () => void (this.#ending.has(process) || this.broken.push(process)));
      response.on("error", () => {});
    });
    request.on("error", () => {
      if (!isAnswered) setTimeout(() => this.follow(process, address, watched), RETRY_MS).unref();
    });
    this.#streams.set(process, request);
  }

  /** From now on nothing that the process tells counts: it drains, or is killed. */
  ends(process: string): void {
    this.#ending.add(process);
  }

  status(process: string, service: string): string | undefined {
    return this.latest(process, service)?.status;
  }

  latest(process: string, service: string): Told | undefined {
    return this.#latest.get(`${process} ${service}`);
  }

  /** What was told of services that had been SERVING in the same process. Sick targets are left out. */
  falls(isSick: (service: string) => boolean = () => false): readonly string[] {
    return this.#falls
      .filter(({ service }) => !isSick(service))
      .map(
        ({ process, service, status, reason, at }) => `${process} ${service} ${status} ${reason} at ${Math.round(at)}`,
      );
  }

  /** What was told of these so far was true. */
  forgive(services: readonly string[]): void {
    this.#falls = this.#falls.filter(({ service }) => service !== "" && !services.includes(service));
  }

  close(): void {
    for (const [process, request] of this.#streams) {
      this.#ending.add(process);
      request.destroy();
    }
    for (const peer of this.#peers.values()) peer.close();
  }

  #watch(process: string, address: string, services: readonly string[]): void {
    const peer = new GrpcPeer(`http://${address}`);
    this.#peers.set(process, peer);
    for (const service of services) {
      const stream = peer.open(`${HEALTH}/Watch`);
      const tell = (message: Buffer) => {
        if (this.#ending.has(process)) return;
        this.#tell(process + WATCH, service, STATUSES[statusIn(message)] ?? "?", undefined, false);
      };
      void collect(stream, tell).then(({ code, rstCode }) => {
        if (this.#ending.has(process)) return;
        this.broken.push(`${process}${WATCH} ${service}: code ${code}, RST ${rstCode}`);
      });
      stream.end(frame(requestFor(service)));
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: events of any kind
  #take(process: string, event: { readonly event: string; readonly data: any } | undefined): void {
    if (event === undefined || this.#ending.has(process)) return;
    const { data } = event;
    if (event.event === "snapshot")
      for (const each of data.services) this.#tell(process, each.name, each.status, each.reason, each.degraded);
    if (event.event === "transition" && data.subject === "service")
      this.#tell(process, data.name, data.to, data.reason, data.degraded);
  }

  #tell(process: string, service: string, status: string, reason: string | undefined, isDegraded: boolean): void {
    const told = { process, service, status, reason, isDegraded, at: performance.now() };
    const key = `${process} ${service}`;
    this.told.push(told);
    this.#latest.set(key, told);
    if (status === "SERVING" && this.failing.has(service)) this.falseOks.push(`${process} ${service} at ${told.at}`);
    if (status === "SERVING") this.#served.add(key);
    else if (this.#served.has(key)) this.#falls.push(told);
  }
}
