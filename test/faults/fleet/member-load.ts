/** Clients of one member: open-loop Checks over four connections, and Watches. A slow answer does not slow down the clients. */
import { eventually, inTime } from "../../support/eventually.js";
import { GrpcPeer, type OpenWatch } from "../../support/grpc-peer.js";
import { type Member, PORT } from "./fleet-site.js";

const CLIENTS = 4;
const TICK_MS = 10;
/** Open calls. A machine that is too slow for the rate gets fewer calls. */
const MAX_OPEN = 200;
const [SERVING, NOT_SERVING] = [1, 2];

export class MemberLoad {
  readonly name: string;
  checks = 0;
  seconds = 0;
  readonly failed: string[] = [];
  readonly #services: readonly string[];
  readonly #peers: readonly GrpcPeer[];
  readonly #open = new Set<Promise<void>>();
  readonly #wrong: string[] = [];
  #watches: readonly { readonly service: string; readonly watch: OpenWatch }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #beganAt = 0;
  #isDraining = false;
  /** Monotonic time: what ends later may fail. */
  #drainedAt = Number.POSITIVE_INFINITY;

  constructor({ process, address }: Member, services: readonly string[]) {
    this.name = process;
    this.#services = services;
    this.#peers = Array.from({ length: CLIENTS }, () => new GrpcPeer(`http://${address}:${PORT}`));
  }

  /** Resolves when the member is ready, as an orchestrator sees it. */
  async started(): Promise<void> {
    const isStarted = async () => (await this.#peers[0]?.check("startup"))?.status === SERVING;
    await eventually(isStarted, `${this.name} has started`);
  }

  begin(checksPerSecond: number, watches: number): void {
    this.#beganAt = performance.now();
    let sent = 0;
    const send = () => {
      const due = ((performance.now() - this.#beganAt) * checksPerSecond) / 1_000;
      for (; sent < due; sent += 1) if (this.#open.size < MAX_OPEN) this.#send(sent);
    };
    this.#timer = setInterval(send, TICK_MS);
    this.#watches = Array.from({ length: watches }, (_, index) => {
      const service = this.#services[index % this.#services.length] ?? "";
      const watch = this.#peerOf(index).watch(service);
      watch.stream.once("close", () => this.#fails(`Watch of ${service} ended`));
      return { service, watch };
    });
  }

  /** The member is told to end: from now on it may tell NOT_SERVING, and after the delay it may refuse calls. */
  drains(delayMs: number): void {
    this.#judgeWatches();
    this.#isDraining = true;
    this.#drainedAt = performance.now() + delayMs;
  }

  /** Ends the load. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.seconds = (performance.now() - this.#beganAt) / 1_000;
    await inTime(Promise.all(this.#open), "the open calls end");
    this.#judgeWatches();
    this.#drainedAt = 0;
    for (const peer of this.#peers) peer.close();
  }

  /** Answers that were not true. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  /** Watches that have told SERVING. */
  get watched(): number {
    return this.#watches.filter(({ watch }) => watch.statuses[0] === SERVING).length;
  }

  #judgeWatches(): void {
    for (const { service, watch } of this.#watches)
      if (!watch.statuses.every((status, index) => this.#isTrue(status, index > 0)))
        this.#wrong.push(`Watch of ${service}: ${watch.statuses}`);
  }

  /** All targets are healthy. @param isLater whether SERVING was told before */
  #isTrue(status: number, isLater = true): boolean {
    return status === SERVING || (this.#isDraining && isLater && status === NOT_SERVING);
  }

  #peerOf(index: number): GrpcPeer {
    const peer = this.#peers[index % CLIENTS];
    if (peer === undefined) throw new Error("there are no clients");
    return peer;
  }

  #send(index: number): void {
    if (performance.now() >= this.#drainedAt) return;
    const service = this.#services[index % this.#services.length] ?? "";
    const call = this.#peerOf(index)
      .check(service)
      .then(({ code, status, end }) => {
        this.checks += 1;
        if (code !== 0) this.#fails(`Check of ${service}: code ${code}, RST ${end.rstCode}`);
        else if (!this.#isTrue(status)) this.#wrong.push(`Check of ${service}: ${status}`);
      });
    this.#open.add(call);
    void call.then(() => this.#open.delete(call));
  }

  #fails(what: string): void {
    if (performance.now() < this.#drainedAt) this.failed.push(what);
  }
}
