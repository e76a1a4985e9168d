/** A catalog of instances, an XdsService over it, and streams without a network. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { InstanceCatalog } from "../../../src/instances/catalog.js";
import type { InstanceFacts } from "../../../src/instances/instance.js";
import type { CheckState } from "../../../src/registry/ports.js";
import { Registry } from "../../../src/registry/registry.js";
import type { CallCredentials, StreamCall } from "../../../src/transports/grpc/engine.js";
import { XdsService, type XdsServiceOptions } from "../../../src/transports/xds/service.js";
import type { GrpcCode } from "../../../src/wire/grpc-code.js";
import { eventually, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import {
  ADS,
  type DiscoveryResponse,
  type Message,
  readDiscoveryResponse,
  TYPES,
  writeDiscoveryRequest,
} from "../../support/xds-messages.js";

export type TypeName = keyof typeof TYPES;

/** The facts of an instance of `orders`, unless `more` says otherwise. */
export const instanceOf = (check: string, more: Partial<InstanceFacts> = {}): InstanceFacts => ({
  check,
  ...{ services: ["orders"], host: "192.0.2.1", port: 50051, tags: [], meta: {}, weight: 1 },
  ...more,
});

export class World {
  readonly clock = new VirtualClock();
  readonly registry: Registry;
  readonly catalog: InstanceCatalog;
  readonly service: XdsService;

  constructor(t: TestContext, options: Partial<XdsServiceOptions> = {}) {
    this.registry = new Registry({ clock: this.clock, instance: "xds-test" });
    this.catalog = new InstanceCatalog({ reader: this.registry, clock: this.clock });
    this.service = new XdsService({ catalog: this.catalog, clock: this.clock, instance: "xds-test", ...options });
    t.after(() => {
      this.service.endStreams();
      this.catalog.close();
    });
  }

  report(check: string, state: CheckState): void {
    const reason = state === "passing" ? "ok" : "refused";
    const results = { reason, held: false, latencyMs: 1, lastResultAt: 1, since: this.clock.wallTime() };
    this.registry.report({
      ...{ name: check, state, critical: true, counted: true, startup: true, services: [] },
      ...results,
    });
  }

  /** Replaces the instances. `services`: those that have none. All are healthy, but for those with a state. */
  configure(instances: readonly InstanceFacts[], services: readonly string[] = []): void {
    for (const { check } of instances) if (this.registry.check(check) === undefined) this.report(check, "passing");
    const names = [...new Set([...services, ...instances.flatMap((each) => each.services)])];
    this.catalog.set({ instances, services: names, awaited: new Set() });
  }

  /** Reports a state, and waits until the catalog has gathered it. */
  async turn(check: string, state: CheckState): Promise<void> {
    this.report(check, state);
    await this.clock.advance(20);
  }

  open(path: string = ADS, credentials: Partial<CallCredentials> = {}): FakeStream {
    return new FakeStream(this.service, path, { authorization: undefined, consulToken: undefined, ...credentials });
  }
}

/** A stream without a network. It takes each response at once, unless it is stuck. */
export class FakeStream implements StreamCall {
  readonly responses: DiscoveryResponse[] = [];
  readonly ends: string[] = [];
  isStuck = false;
  handled = 0;
  readonly #stream;
  #untaken: (() => void)[] = [];

  constructor(service: XdsService, path: string, credentials: CallCredentials) {
    const method = service.methods.get(path);
    assert.ok(method, `a method ${path}`);
    this.#stream = method.open(this, credentials);
  }

  send(message: Buffer, onSent: () => void): void {
    assert.equal(this.ends.length, 0, "nothing is sent after the end");
    assert.equal(this.#untaken.length, 0, "one response waits at most");
    this.responses.push(readDiscoveryResponse(message));
    if (this.isStuck) this.#untaken.push(onSent);
    else setImmediate(onSent);
  }

  end(code: GrpcCode, text: string): void {
    this.ends.push(`${code} ${text}`.trim());
  }

  /** Takes the response that waits, and all later ones. */
  unstick(): void {
    this.isStuck = false;
    for (const onSent of this.#untaken.splice(0)) onSent();
  }

  /** Takes the response that waits, and stays stuck for the next one. */
  takeOne(): void {
    this.#untaken.shift()?.();
  }

  /** Sends a request by the names of the proto file. */
  ask(request: Message): void {
    this.askBytes(writeDiscoveryRequest(request));
  }

  askBytes(bytes: Buffer): void {
    this.#stream.receive(bytes, () => {
      this.handled += 1;
    });
  }

  /** Asks for names of a type, and returns what comes next. */
  async get(type: TypeName, names: readonly string[], more: Message = {}): Promise<DiscoveryResponse> {
    this.ask({ type_url: TYPES[type], resource_names: names, ...more });
    return this.next();
  }

  /** ACKs a response. */
  ack({ type_url, nonce, version_info }: DiscoveryResponse, names: readonly string[]): void {
    this.ask({ type_url, resource_names: names, response_nonce: nonce, version_info });
  }

  nack({ type_url, nonce }: DiscoveryResponse, names: readonly string[], message = "refused"): void {
    this.ask({ type_url, resource_names: names, response_nonce: nonce, error_detail: { code: 3, message } });
  }

  #seen = 0;

  /** The next response that was not returned yet. */
  async next(): Promise<DiscoveryResponse> {
    await eventually(() => this.responses.length > this.#seen, "another response");
    const response = this.responses[this.#seen];
    this.#seen += 1;
    assert.ok(response);
    return response;
  }

  /** Asserts that nothing more comes. */
  async isQuiet(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) await pause(0);
    assert.deepEqual(this.responses.slice(this.#seen), []);
  }

  halfClose(): void {
    this.#stream.halfClose();
  }

  close(): void {
    this.#stream.close();
  }
}

/** `address:port STATUS` of each endpoint of an assignment. */
export function endpointsIn(assignment: Message): readonly string[] {
  const localities: readonly Message[] = assignment?.endpoints ?? [];
  return localities.flatMap(({ lb_endpoints }) =>
    lb_endpoints.map(({ endpoint, health_status }: Message) => {
      const { address, port_value } = endpoint.address.socket_address;
      return `${address}:${port_value} ${health_status}`;
    }),
  );
}

/** The names of the resources of a response. */
export function namesIn({ resources }: DiscoveryResponse): readonly string[] {
  return resources.map(({ name, cluster_name }) => name ?? cluster_name);
}
