/**
 * The queue of a worker of BullMQ, with the queries that a check needs. A worker has them in other places than a queue, and
 * not the same in every version: `scripts` and `client` in version 5, and a backend in version 6, which need not be Redis.
 */

/** What is asked about a queue, for both versions. */
export interface BullmqQueue {
  /** The number of jobs in each state. */
  getCounts(states: readonly string[]): Promise<readonly number[]>;
  /** Whether as many jobs run as the queue may run at once, in all its workers. */
  isMaxed(): Promise<boolean>;
  /** Milliseconds until the rate limit ends; 0 or less when there is none. */
  getRateLimitTtl(maxJobs: number | undefined): Promise<number>;
  isPaused(): Promise<boolean>;
  /** The state of the connection to Redis; undefined for other stores. */
  connectionStatus(): Promise<string | undefined>;
}

type Store = Pick<BullmqQueue, "getCounts" | "isMaxed" | "getRateLimitTtl">;

interface Client {
  readonly status?: string | undefined;
  hexists(key: string, field: string): Promise<number>;
}

/** What a worker of version 6 has in place of `scripts` and `client`. */
interface BullmqBackend extends Store {
  readonly client?: Promise<Client>;
  getQueueMetaField(field: string): Promise<string | null>;
}

interface WorkerParts {
  readonly getBackend?: () => BullmqBackend;
  readonly scripts?: Store;
  readonly client?: Promise<Client>;
  readonly keys?: { readonly meta: string };
}

const METHODS: readonly string[] = ["isRunning", "isPaused", "on"];

/** The queue of a worker; undefined when it is no worker of a version that is known. */
export function bullmqQueueOf(worker: unknown): BullmqQueue | undefined {
  const parts: WorkerParts = Object(worker);
  if (!METHODS.every((method) => typeof Reflect.get(parts, method) === "function")) return undefined;
  const backend = parts.getBackend?.();
  const store = backend ?? parts.scripts;
  if (typeof store?.getCounts !== "function" || typeof store.isMaxed !== "function") return undefined;
  // a getter: the promise is asked for when it is awaited
  const client = async () => (backend === undefined ? parts.client : backend.client);
  return {
    getCounts: (states) => store.getCounts(states),
    isMaxed: () => store.isMaxed(),
    getRateLimitTtl: (maxJobs) => store.getRateLimitTtl(maxJobs),
    async isPaused() {
      if (backend !== undefined) return (await backend.getQueueMetaField("paused")) !== null;
      return (await (await client())?.hexists(parts.keys?.meta ?? "", "paused")) === 1;
    },
    connectionStatus: async () => (await client())?.status,
  };
}
