/**
 * A middleware for Moleculer 0.14 and 0.15: `new ServiceBroker({ middlewares: [moleculerHealth(health)] })`.
 *
 *     broker is made      --> NOT_SERVING, reason `starting`
 *     service started     --> its full name (`posts`, `v2.posts`) is SERVING; NOT_SERVING before and when it stops
 *     broker started      --> the start is over
 *     transporter lost    --> the check `moleculer` fails: the other nodes cannot reach this one
 *     broker.stop()       --> NOT_SERVING, drainDelayMs --> services stop (the API gateway too) --> health.shutdown()
 *
 * Moleculer stops its broker itself on SIGTERM and SIGINT. Its types are not imported.
 */
import { HealthError } from "../core/health-error.js";
import { drainDelay, requireKnownOptions } from "../core/option.js";
import type { Health } from "../daemon/health.js";
import { drainBeforeEnd } from "./drain-before-end.js";

/** The name of the check, and the time of the drain. */
export interface MoleculerHealthOptions {
  /** The name of the check of the broker. Default `moleculer`. */
  readonly name?: string | undefined;
  /** Milliseconds between NOT_SERVING and the stop of the services. Default 5 s; none when `health` drains already. */
  readonly drainDelayMs?: number | undefined;
}

/** The part of a broker of Moleculer that is used. */
export interface MoleculerBroker {
  /** Absent for a broker without a transporter. */
  readonly transit?:
    | {
        /** True from the first connection on. */
        readonly connected: boolean;
        /** The transporter: false while its connection is lost. */
        readonly tx: { readonly connected: boolean };
      }
    | null
    | undefined;
}

/** The part of a service of Moleculer that is used. */
export interface MoleculerService {
  readonly fullName: string;
}

/** The hooks, as Moleculer calls them. */
export interface MoleculerMiddleware {
  readonly name: string;
  created(broker: MoleculerBroker): void;
  serviceCreated(service: MoleculerService): void;
  serviceStarted(service: MoleculerService): Promise<void>;
  serviceStopping(service: MoleculerService): Promise<void>;
  serviceStopped(service: MoleculerService): Promise<void>;
  started(): Promise<void>;
  stopping(): Promise<void>;
  stopped(): Promise<void>;
}

/** A probe reads two fields in memory. */
const INTERVAL = "1s";

/**
 * The middleware. One broker for one `Health`.
 * @throws HealthError INVALID_OPTION
 */
export function moleculerHealth(health: Health, options: MoleculerHealthOptions = {}): MoleculerMiddleware {
  requireKnownOptions("moleculerHealth", options, ["name", "drainDelayMs"]);
  if (typeof health?.waitFor !== "function")
    throw new HealthError("INVALID_OPTION", "moleculerHealth: expected a Health");
  const { name = "moleculer", drainDelayMs } = options;
  const delayMs = drainDelay(drainDelayMs);
  let finishStart = () => {};
  const started = new Promise<void>((resolve) => {
    finishStart = resolve;
  });
  return {
    name: "healthbridge",
    created(broker) {
      health.waitFor(started);
      if (broker.transit) health.check(name, () => requireConnected(broker), { interval: INTERVAL });
    },
    serviceCreated: (service) => setStatus(health, service, "NOT_SERVING"),
    serviceStarted: async (service) => setStatus(health, service, "SERVING"),
    serviceStopping: async (service) => setStatus(health, service, "NOT_SERVING"),
    async serviceStopped(service) {
      // a broker that stops has drained: its services stay NOT_SERVING
      if (!isInternal(service)) health.clear(service.fullName);
    },
    started: async () => finishStart(),
    stopping: () => drainBeforeEnd(health, delayMs),
    stopped: () => health.shutdown({ drainDelayMs: 0 }),
  };
}

function requireConnected({ transit }: MoleculerBroker): void {
  if (transit?.connected !== true || !transit.tx.connected)
    throw new Error("the transporter of the broker is not connected");
}

function setStatus(health: Health, service: MoleculerService, status: "SERVING" | "NOT_SERVING"): void {
  if (!isInternal(service)) health.set(service.fullName, status);
}

/** Moleculer has services of its own: `$node`. */
function isInternal({ fullName }: MoleculerService): boolean {
  return fullName.startsWith("$");
}
