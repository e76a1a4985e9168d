/** A target that is well, a proxy before it, and a health that checks it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { CheckOptions } from "../../src/checks/check-options.js";
import { type ChannelMessages, type Published, subscribe, type Transition } from "../../src/core/channels.js";
import { Health, type HealthOptions } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { FaultProxy } from "./fault-proxy.js";

/** Short times, so that a row takes seconds. */
export const QUICK: CheckOptions = {
  interval: 300,
  timeout: 200,
  edgeInterval: 100,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  jitter: 0,
};

export class Site {
  readonly health: Health;
  readonly transitions: Transition[] = [];
  readonly proxy: FaultProxy;
  readonly instance: string;
  asked = 0;
  /** What the target answers. */
  status = 200;
  /** Whether each path has 500 and 200 in turn instead. */
  alternates = false;
  readonly #failedLast = new Set<string>();

  private constructor(health: Health, proxy: FaultProxy, instance: string) {
    this.health = health;
    this.proxy = proxy;
    this.instance = instance;
    health.onTransition((transition) => this.transitions.push(transition));
  }

  /** Ends with the test. */
  static async start(t: TestContext, options: HealthOptions = {}): Promise<Site> {
    const target = createServer((request, response) => {
      site.asked += 1;
      response.statusCode = site.alternates ? site.#alternate(request.url ?? "") : site.status;
      response.end("OK");
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    // a server that listens on TCP has such an address
    const proxy = await FaultProxy.start((target.address() as AddressInfo).port);
    const instance = `faults-${process.hrtime.bigint()}`;
    const site = new Site(new Health({ ...options, instance }), proxy, instance);
    t.after(async () => {
      await site.health.shutdown({ drainDelayMs: 0 });
      await proxy.stop();
      target.close();
      target.closeAllConnections();
    });
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}/`;
  }

  /** Messages of this site on a channel. */
  record<Name extends keyof ChannelMessages>(t: TestContext, name: Name): Published<Name>[] {
    const recorded: Published<Name>[] = [];
    t.after(subscribe(name, (message) => void (message.instance === this.instance && recorded.push(message))));
    return recorded;
  }

  #alternate(path: string): number {
    if (this.#failedLast.delete(path)) return 200;
    this.#failedLast.add(path);
    return 500;
  }

  /** Waits until a service has a status. */
  async becomes(service: string, status: string): Promise<void> {
    await eventually(() => this.health.status(service) === status, `${service} is ${status}`);
  }

  /** What the service has become, one after the other. */
  changesOf(service: string): readonly string[] {
    return this.transitions
      .filter(({ subject, name }) => subject === "service" && name === service)
      .map(({ to }) => to);
  }
}
