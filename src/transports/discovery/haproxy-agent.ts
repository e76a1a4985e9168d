/**
 * HAProxy's agent-check: one line in, one line out.
 *
 *     HAProxy --"orders-a\n"--> name --> catalog --> "up ready 100%\n", and the end
 *                                          '--> nothing is known: the end without an answer; HAProxy keeps what it has
 *
 * `agent-send` names an instance or a service. HAProxy keeps each part of an answer until another answer changes it, so that
 * each answer has the operational state and the administrative one (docs of HAProxy, `agent-check`).
 */
import type { Socket } from "node:net";
import { publish } from "../../core/channels.js";
import type { Clock } from "../../core/clock.js";
import { MAX_SERVICE_NAME_BYTES } from "../../core/service-name.js";
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ServiceInstance } from "../../instances/instance.js";
import type { StatusReader } from "../../registry/ports.js";

export interface HaproxyAgentDeps {
  readonly catalog: InstanceCatalog;
  readonly reader: StatusReader;
  readonly clock: Clock;
  /**
   * Whether answers have weights below 100%. HAProxy rounds down, so that a server with its default weight of 1 would get no
   * traffic then.
   */
  readonly weights: boolean;
}

/** The time for the whole line, and again for the client to close. */
const TIMEOUT_MS = 5_000;

/** The share of its weight that an instance gets, in percent. */
const SHARES = { healthy: 100, degraded: 50, unhealthy: 0, unknown: 0 } as const;

export class HaproxyAgent {
  readonly #deps: HaproxyAgentDeps;
  #isEnded = false;
  #answers = 0;

  constructor(deps: HaproxyAgentDeps) {
    this.#deps = deps;
  }

  /** Answers that were sent. Connections that ended without an answer do not count. */
  get answers(): number {
    return this.#answers;
  }

  /** Answers nothing any more: HAProxy keeps what it has. */
  end(): void {
    this.#isEnded = true;
  }

  /** Takes a connection. It is over after one answer. */
  readonly accept = (socket: Socket, client: string): void => {
    const { clock, reader } = this.#deps;
    let received = Buffer.alloc(0);
    const end = (rule: string) => {
      publish("connection-ended", { instance: reader.instance, address: client, rule });
      socket.destroy();
    };
    let cancelTimer = clock.setTimer(TIMEOUT_MS, () => end("agent-timeout"));
    const answer = () => {
      cancelTimer();
      socket.off("data", onData).off("end", answer).resume();
      const text = this.answerTo(lineOf(received));
      if (text !== undefined) this.#answers += 1;
      socket.end(text === undefined ? "" : `${text}\n`);
      cancelTimer = clock.setTimer(TIMEOUT_MS, () => end("agent-timeout"));
    };
    const onData = (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (received.includes(NEWLINE)) answer();
      else if (received.length > MAX_SERVICE_NAME_BYTES + LINE_END_BYTES) end("agent-name-too-long");
    };
    socket.on("data", onData).once("end", answer);
    socket.once("close", () => cancelTimer());
  };

  /** The answer about an instance or a service; `undefined`: the connection ends without an answer. */
  answerTo(name: string): string | undefined {
    if (this.#isEnded || name === "") return undefined;
    const { catalog } = this.#deps;
    const service = catalog.service(name);
    if (service !== undefined) return service.known ? this.#serviceAnswer(name, service.instances) : undefined;
    const instance = catalog.instance(name);
    if (instance === undefined || !catalog.isInstanceKnown(name)) return undefined;
    return this.#answer([instance]);
  }

  /** A service that is NOT_SERVING by its policy is down, also while some of its instances are healthy. */
  #serviceAnswer(name: string, instances: readonly ServiceInstance[]): string | undefined {
    const { reader } = this.#deps;
    const isAllDrained = instances.every(({ drained }) => drained);
    const isDown = !isAllDrained && !reader.draining && reader.read(name)?.status === "NOT_SERVING";
    return isDown ? "down ready" : this.#answer(instances);
  }

  /** The answer for several instances. Those of unknown state get no share. */
  #answer(instances: readonly ServiceInstance[]): string | undefined {
    const known = instances.filter(({ state }) => state !== "unknown");
    if (known.length === 0) return undefined;
    const active = instances.filter(({ drained }) => !drained);
    if (active.length === 0) return known.every(({ state }) => state === "unhealthy") ? "down maint" : "up drain";
    const share = shareOf(active);
    return share === 0 ? "down ready" : `up ready ${this.#deps.weights ? share : 100}%`;
  }
}

const NEWLINE = 0x0a;

/** `\r\n` */
const LINE_END_BYTES = 2;

/** The first line, without what ends it. */
function lineOf(bytes: Buffer): string {
  const end = bytes.indexOf(NEWLINE);
  return bytes
    .subarray(0, end === -1 ? bytes.length : end)
    .toString("utf8")
    .trim();
}

/** The mean of the shares by weight, in percent: at least 1 if one share is above 0, because HAProxy takes 0% for drain. */
function shareOf(instances: readonly ServiceInstance[]): number {
  const weights = instances.reduce((sum, { weight }) => sum + weight, 0);
  const taken = instances.reduce((sum, { weight, state }) => sum + weight * SHARES[state], 0);
  return taken === 0 ? 0 : Math.max(1, Math.round(taken / weights));
}
