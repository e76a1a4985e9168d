/**
 * Readers of discovery at each member of a fleet, in each form, from the start of a member to its end.
 *
 *     member --.--> Consul's health API, each 100 ms and with blocking queries     --.
 *              |--> /v1/instances, http_sd of Prometheus                             +--> port -> is it told healthy?
 *              |--> an xDS stream (EDS)                                              |
 *              '--> HAProxy's agent-check of each instance                         --'
 *
 * When a reader has once been told that all instances are healthy, each healthy one must be in all that it is told: `lost` is what
 * was not, also answers of 503, and streams that ended.
 */
import { connect } from "node:net";
import { pause } from "../../support/eventually.js";
import { collect, frame, GrpcPeer } from "../../support/grpc-peer.js";
import { ADS, type Message, readDiscoveryResponse, TYPES, writeDiscoveryRequest } from "../../support/xds-messages.js";
import type { Member } from "./fleet-site.js";

export const DISCOVERY_PORT = 8500;
export const AGENT_PORT = 8501;

const POLL_MS = 100;
const DEADLINE_MS = 10_000;

/** The healthy instances of an answer, by their ports. */
type Healthy = ReadonlySet<number>;

export interface ReadersOptions {
  readonly service: string;
  readonly token: string;
  /** Name of each instance, by the port that is told. */
  readonly instances: ReadonlyMap<number, string>;
}

export class DiscoveryReaders {
  readonly lost: string[] = [];
  /** Instances that were made to fail. */
  readonly sick = new Set<number>();
  readonly #options: ReadersOptions;
  readonly #last = new Map<string, Healthy>();
  readonly #complete = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #peers = new Set<GrpcPeer>();
  #isClosed = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** The number of answers that were read. */
  answers = 0;

  follow(member: Member): void {
    const { service } = this.#options;
    const consul = (entries: Message[]) =>
      entries
        .filter(({ Checks }) => Checks.every(({ Status }: Message) => Status === "passing"))
        .map(({ Service }) => Service.Port);
    void this.#poll(member, "consul", `/v1/health/service/${service}?passing`, consul);
    void this.#poll(member, "blocking", `/v1/health/service/${service}?wait=2s`, consul);
    void this.#poll(member, "instances", `/v1/instances/${service}`, (all: Message[]) =>
      all.filter(({ state }) => state === "healthy").map(({ port }) => port),
    );
    void this.#poll(member, "http_sd", `/prometheus/sd/${service}`, (all: Message[]) =>
      all
        .filter(({ labels }) => labels.__meta_healthbridge_state === "healthy")
        .map(({ targets }) => Number(targets[0].split(":")[1])),
    );
    void this.#agent(member);
    void this.#xds(member);
  }

  /** The readers of a process end with it. */
  ends({ process }: Member): void {
    this.#ended.add(process);
  }

  /** Whether each reader of each process that has not ended tells exactly the healthy instances. */
  get areExact(): boolean {
    const readers = [...this.#last].filter(([reader]) => !this.#ended.has(reader.split(" ")[0] ?? ""));
    return readers.every(([, told]) =>
      [...this.#options.instances.keys()].every((port) => told.has(port) === !this.sick.has(port)),
    );
  }

  /** The readers that have been told that all instances are healthy. */
  get complete(): number {
    return this.#complete.size;
  }

  close(): void {
    this.#isClosed = true;
    for (const peer of this.#peers) peer.close();
  }

  #isOver({ process }: Member): boolean {
    return this.#isClosed || this.#ended.has(process);
  }

  #take(member: Member, form: string, healthy: Healthy | string): void {
    if (this.#isOver(member)) return;
    this.answers += 1;
    const reader = `${member.process} ${form}`;
    const expected = [...this.#options.instances.keys()].filter((port) => !this.sick.has(port));
    const missing = typeof healthy === "string" ? expected : expected.filter((port) => !healthy.has(port));
    if (typeof healthy !== "string") this.#last.set(reader, healthy);
    if (missing.length === 0) this.#complete.add(reader);
    else if (this.#complete.has(reader)) {
      const what = typeof healthy === "string" ? healthy : missing.map((port) => this.#options.instances.get(port));
      this.lost.push(`${reader}: ${what} at ${Math.round(performance.now())}`);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON of several forms
  async #poll(member: Member, form: string, path: string, read: (answer: any) => readonly number[]): Promise<void> {
    let index = "";
    while (!this.#isOver(member)) {
      const url = `http://${member.address}:${DISCOVERY_PORT}${path}${index}`;
      try {
        const headers = { authorization: `Bearer ${this.#options.token}` };
        const response = await fetch(url, { headers, signal: AbortSignal.timeout(DEADLINE_MS) });
        const text = await response.text();
        const given = response.headers.get("x-consul-index"); // not of a process that starts
        if (form === "blocking" && given !== null) index = `&index=${given}`;
        this.#take(member, form, response.ok ? new Set(read(JSON.parse(text))) : `${response.status}`);
      } catch (error) {
        this.#take(member, form, `${error}`);
      }
      if (form !== "blocking" || index === "") await pause(POLL_MS);
    }
  }

  async #agent(member: Member): Promise<void> {
    while (!this.#isOver(member)) {
      const states = await Promise.all(
        [...this.#options.instances].map(async ([port, name]) => [port, await askAgent(member.address, name)] as const),
      );
      this.#take(
        member,
        "agent",
        new Set(states.filter(([, state]) => state.startsWith("up ready")).map(([port]) => port)),
      );
      await pause(POLL_MS);
    }
  }

  async #xds(member: Member): Promise<void> {
    const { service, token } = this.#options;
    while (!this.#isOver(member)) {
      const peer = new GrpcPeer(`http://${member.address}:${DISCOVERY_PORT}`);
      this.#peers.add(peer);
      const stream = peer.open(ADS, { authorization: `Bearer ${token}` });
      const ask = (more: object) =>
        stream.write(frame(writeDiscoveryRequest({ type_url: TYPES.eds, resource_names: [service], ...more })));
      const end = collect(stream, (message) => {
        const { resources, version_info, nonce } = readDiscoveryResponse(message);
        const endpoints: Message[] = resources[0].endpoints.flatMap((each: Message) => each.lb_endpoints);
        const healthy = endpoints
          .filter(({ health_status }) => health_status === "HEALTHY")
          .map(({ endpoint }) => endpoint.address.socket_address.port_value);
        this.#take(member, "xds", new Set(healthy));
        ask({ version_info, response_nonce: nonce });
      });
      ask({ node: { id: "rows", cluster: "rows", user_agent_name: "envoy" } });
      await end;
      this.#take(member, "xds", "the stream has ended");
      peer.close();
      this.#peers.delete(peer);
      await pause(POLL_MS);
    }
  }
}

/** What HAProxy would be told of an instance; empty: nothing. */
function askAgent(host: string, name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host, port: AGENT_PORT }, () => socket.write(`${name}\n`));
    socket.setTimeout(DEADLINE_MS, () => socket.destroy());
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", () => {}).on("close", () => resolve(text));
  });
}
