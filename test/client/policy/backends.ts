/**
 * Backends on real grpc-js servers: one application method that counts its calls, and a Watch that each test scripts.
 */
import * as grpc from "@grpc/grpc-js";
import type { WatchStatus } from "../../../src/core/serving-status.js";
import { HEALTH_SERVICE, healthCheckResponse, readHealthCheckRequest } from "../../../src/wire/health-messages.js";
import { eventually } from "../../support/eventually.js";

/** Closes what a test or a proof has opened. */
export interface Owner {
  after(action: () => void): void;
}

export type WatchStream = grpc.ServerWritableStream<Buffer, Buffer>;

const asIs = (bytes: Buffer): Buffer => bytes;
const BYTES = {
  ...{ requestSerialize: asIs, requestDeserialize: asIs },
  ...{ responseSerialize: asIs, responseDeserialize: asIs },
};

const ECHO = {
  Call: { path: "/acme.Echo/Call", requestStream: false, responseStream: false, ...BYTES },
  Hold: { path: "/acme.Echo/Hold", requestStream: false, responseStream: true, ...BYTES },
} as const;

const HEALTH = {
  Watch: { path: `/${HEALTH_SERVICE}/Watch`, requestStream: false, responseStream: true, ...BYTES },
} as const;

/** What a backend does with a Watch: default, the status that was set last, and each later one. */
export type WatchScript = (stream: WatchStream, backend: Backend) => void;

const REPORT: WatchScript = (stream, { status }) => {
  if (status !== undefined) stream.write(healthCheckResponse(status));
};

export interface BackendOptions {
  /** Default: reports the status. */
  readonly script?: WatchScript;
  /** The server has no health service. */
  readonly withoutHealth?: boolean;
  readonly status?: WatchStatus;
  readonly options?: grpc.ServerOptions;
  /** Default: a free one. */
  readonly port?: number;
}

export class Backend {
  /** Calls of the application. */
  calls = 0;
  /** Called with the request of each call of the application. */
  onCall: (request: Buffer) => void = () => {};
  /** Every call of the application fails. */
  fails = false;
  /** All Watches so far, each with what it asked for. */
  readonly asked: { readonly service: string; readonly authority: string; readonly metadata: grpc.Metadata }[] = [];
  /** Watches that are open. */
  readonly watches = new Set<WatchStream>();
  status: WatchStatus | undefined;
  port = 0;
  readonly server: grpc.Server;

  private constructor({ script = REPORT, status = "SERVING", options = {}, withoutHealth = false }: BackendOptions) {
    this.status = status;
    this.server = new grpc.Server(options);
    this.server.addService(ECHO, {
      Call: ({ request }: { readonly request: Buffer }, answer: grpc.sendUnaryData<Buffer>) => {
        this.calls += 1;
        this.onCall(request);
        if (this.fails) answer({ code: grpc.status.UNAVAILABLE, details: "broken" });
        else answer(null, Buffer.alloc(0));
      },
      Hold: (stream: WatchStream) => void stream.write(Buffer.alloc(0)),
    });
    if (!withoutHealth)
      this.server.addService(HEALTH, { Watch: (stream: WatchStream) => this.#onWatch(stream, script) });
  }

  static async start(t: Owner, options: BackendOptions = {}): Promise<Backend> {
    const backend = new Backend(options);
    t.after(() => backend.server.forceShutdown());
    await backend.#listen(options.port ?? 0);
    return backend;
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error !== null) reject(error);
        this.port = bound;
        resolve();
      });
    });
  }

  /** Reports a status on all Watches. */
  set(status: WatchStatus): void {
    this.status = status;
    for (const stream of this.watches) stream.write(healthCheckResponse(status));
  }

  /** Ends all Watches. */
  end(code: grpc.status, details = ""): void {
    for (const stream of this.watches) stream.emit("error", { code, details });
  }

  #onWatch(stream: WatchStream, script: WatchScript): void {
    const reading = readHealthCheckRequest(stream.request);
    const service = "service" in reading ? reading.service : "?";
    this.asked.push({ service, authority: stream.getHost(), metadata: stream.metadata });
    this.watches.add(stream);
    const forget = () => void this.watches.delete(stream);
    stream.on("cancelled", forget).on("close", forget).on("finish", forget);
    stream.on("error", forget);
    script(stream, this);
  }
}

/** On a machine that is loaded. */
const CALL_TIMEOUT_MS = 30_000;

/** The answer to a call: `OK`, or the code of its error and the text. */
export type Answer = "OK" | `${string}: ${string}`;

export interface ChannelSettings {
  /** Of `healthCheckConfig`. Default `acme.Orders`; `null`: there is none. */
  readonly service?: unknown;
  /** Default: `healthbridge_round_robin`, without a configuration of its own. */
  readonly policy?: object;
  readonly options?: grpc.ChannelOptions;
  readonly credentials?: grpc.ChannelCredentials;
  /** Default: the addresses of the backends. */
  readonly target?: string;
}

/** A client of the application, on a channel with the policy. */
export class EchoClient {
  readonly client: grpc.Client;

  constructor(t: Owner, backends: readonly Backend[], settings: ChannelSettings = {}) {
    const { policy = { healthbridge_round_robin: {} }, service = "acme.Orders", options = {} } = settings;
    const target = settings.target ?? `ipv4:${backends.map(({ port }) => `127.0.0.1:${port}`).join()}`;
    const serviceConfig = {
      loadBalancingConfig: [policy],
      ...(service === null ? {} : { healthCheckConfig: { serviceName: service } }),
    };
    this.client = new grpc.Client(target, settings.credentials ?? grpc.credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify(serviceConfig),
      // a connection of its own: the test counts Watches
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      ...options,
    });
    t.after(() => this.close());
  }

  get state(): string {
    return grpc.connectivityState[this.client.getChannel().getConnectivityState(true)] ?? "";
  }

  /** Makes a call. */
  call(request: Buffer = Buffer.alloc(0)): Promise<Answer> {
    return new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = ECHO.Call;
      this.client.makeUnaryRequest(
        ...([path, requestSerialize, responseDeserialize, request] as const),
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error) => resolve(error === null ? "OK" : `${grpc.status[error.code]}: ${error.details}`),
      );
    });
  }

  /** Opens a stream that the server never ends. */
  hold(): grpc.ClientReadableStream<Buffer> {
    const { path, requestSerialize, responseDeserialize } = ECHO.Hold;
    return this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0));
  }

  /** Makes so many calls, one after the other. Returns the answers that are not OK. */
  async calls(count: number): Promise<readonly Answer[]> {
    const failed: Answer[] = [];
    for (let at = 0; at < count; at += 1) {
      const answer = await this.call();
      if (answer !== "OK") failed.push(answer);
    }
    return failed;
  }

  /** Waits for a state of the channel. */
  async is(state: "IDLE" | "CONNECTING" | "READY" | "TRANSIENT_FAILURE"): Promise<void> {
    await eventually(() => this.state === state, `the channel is ${state} (is ${this.state})`);
  }

  close(): void {
    this.client.close();
  }
}

/** A resolver of grpc-js whose addresses a test sets. */
export class Names {
  readonly target = "hbtest:backends";
  /** What the resolver was asked for. */
  resolutions = 0;
  #listener: ((backends: readonly Backend[]) => void) | undefined;
  #backends: readonly Backend[];

  constructor(backends: readonly Backend[]) {
    this.#backends = backends;
    const names = this;
    grpc.experimental.registerResolver(
      "hbtest",
      class {
        constructor(_target: unknown, listener: grpc.experimental.ResolverListener) {
          names.#listener = (present) =>
            void listener(
              grpc.experimental.statusOrFromValue(
                present.map(({ port }) => ({ addresses: [{ host: "127.0.0.1", port }] })),
              ),
              {},
              null,
              "",
            );
        }
        updateResolution(): void {
          names.resolutions += 1;
          setImmediate(() => names.#listener?.(names.#backends));
        }
        destroy(): void {
          names.#listener = undefined;
        }
        static getDefaultAuthority(): string {
          return "backends";
        }
      },
    );
  }

  set(backends: readonly Backend[]): void {
    this.#backends = backends;
    this.#listener?.(backends);
  }
}
