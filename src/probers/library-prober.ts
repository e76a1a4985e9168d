/**
 * A prober that uses a client library: an optional peer package that one scheme needs. healthbridge looks for the
 * package when a target is declared, and loads it at the first probe.
 *
 *     probe --> kept client? --yes--> ping --fails--+
 *                   | no                            v
 *                   '----------------> connect --> ping --> keep it
 *
 * A kept client that fails says nothing about the server, which may have closed the connection long ago. A new one
 * decides.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { BrokenCall, Unanswered } from "../client/broken-call.js";
import { type Connected, ConnectionAttempts, type TargetAddress } from "../client/connection-attempts.js";
import type { Goodbye, Goodbyes } from "../client/goodbyes.js";
import { InputLimit } from "../client/input-limit.js";
import { type ReusableConnection, ReusedConnection } from "../client/reused-connection.js";
import type { SecureOptions } from "../client/tls-options.js";
import { HealthError } from "../core/health-error.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { PASS, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";

/** More bytes are not taken from a target in one probe, the login included. */
const MAX_ANSWER_BYTES = 65_536;

/** A client that is connected. */
export interface LibraryClient {
  /** The socket of TLS, if the client has put one on top of the socket that it was given. */
  readonly secureSocket?: Socket | undefined;
  /** Asks the server something that costs it nothing. */
  ping(): Promise<unknown>;
}

/** A socket that is connected, and the limit that counts what it receives. */
export interface LimitedSocket {
  readonly socket: Socket;
  readonly limit: InputLimit;
}

/** Logs in on a socket that has just been connected. The prober ends the socket, in every phase: the client fails then. */
export type Login = (connection: LimitedSocket) => Promise<LibraryClient>;

/** What a prober needs of a client library such as `pg`. */
export interface Library {
  readonly address: TargetAddress;
  /** Loads the library, before there is a connection: a socket that no code listens to would lose its end. */
  readonly load: () => Promise<Login>;
  /** The meaning of an error that the server sent; `undefined` for errors of the connection. */
  readonly evaluate: (error: unknown) => ProbeResult | undefined;
  /** Ends a session of a client that is connected. */
  readonly goodbye: Goodbye;
  /** TLS, where the target has it. */
  readonly secure?: SecureOptions | undefined;
}

/** A prober on a client library. */
export function openLibraryProber(library: Library, deps: ProberDeps, options: ProberOptions): Prober {
  const connection = new ReusedConnection(
    (timeoutMs) => new LibraryConnection(library, deps.goodbyes, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  return {
    async probe({ timeoutMs }) {
      try {
        await connection.call(timeoutMs, (client) => client.ping());
        return withCertificate(PASS, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBefore);
      } catch (error) {
        // no connection: the errors of several addresses have no code together
        if (error instanceof BrokenCall || error instanceof AggregateError) return resultOfError(error);
        return library.evaluate(error) ?? resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}

class LibraryConnection implements ReusableConnection {
  readonly #library: Library;
  readonly #goodbyes: Goodbyes;
  #attempts: ConnectionAttempts | undefined;
  readonly #client: Promise<LibraryClient>;
  #connected: Connected | undefined;
  /** The socket of a session. */
  #socket: Socket | undefined;
  #certificateEndsAt: number | undefined;
  readonly #limit = new InputLimit(MAX_ANSWER_BYTES);
  #isOpen = true;
  #isPinging = false;
  #rejectPing: (error: Error) => void = () => {};

  constructor(library: Library, goodbyes: Goodbyes, timeoutMs: number) {
    this.#library = library;
    this.#goodbyes = goodbyes;
    this.#client = library.load().then((login) => this.#connect(library.address, timeoutMs, login));
    this.#client.then(
      (client) => this.#watch(client),
      () => {}, // `ping` rejects with the error
    );
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  get connectError(): Error | undefined {
    return this.#attempts?.error;
  }

  hasMoved(): boolean {
    return this.#connected?.hasMoved() === true;
  }

  ref(): void {
    this.#socket?.ref();
  }

  unref(): void {
    this.#socket?.unref();
  }

  /** Rejects with Unanswered for every error: only a new connection shows whether the server has failed. */
  ping(): Promise<void> {
    this.#isPinging = true;
    this.#limit.reset();
    return new Promise((resolve, reject) => {
      this.#rejectPing = (error) => reject(new Unanswered(error));
      const onAnswer = () => {
        this.#isPinging = false;
        resolve();
      };
      const onError = (error: unknown) => {
        reject(new Unanswered(error));
        this.close();
      };
      this.#client.then((client) => client.ping()).then(onAnswer, onError);
    });
  }

  close(cause?: Error): void {
    if (!this.#isOpen) return;
    const error = cause ?? new BrokenCall("cancelled", "the connection is closed");
    this.#isOpen = false;
    this.#rejectPing(error);
    this.#attempts?.close();
    if (this.#socket?.writable === true && this.#socket.readable)
      this.#goodbyes.say(this.#socket, this.#library.goodbye);
    else this.#connected?.socket.destroy(error);
  }

  #connect(address: TargetAddress, timeoutMs: number, login: Login): Promise<LibraryClient> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return; // closed meanwhile
      const onConnect = (connected: Connected) => {
        this.#connected = connected;
        const { socket } = connected;
        this.#limit.add(socket);
        socket.on("error", () => {}); // the library reports it
        login({ socket, limit: this.#limit }).then(resolve, reject);
      };
      this.#attempts = new ConnectionAttempts(address, timeoutMs, { onConnect, onError: reject });
    });
  }

  #watch({ secureSocket = this.#connected?.socket }: LibraryClient): void {
    const socket = secureSocket;
    this.#socket = socket;
    if (socket instanceof TLSSocket) this.#certificateEndsAt = this.#library.secure?.certificateEndsAt(socket);
    // a ping that runs gets the library's own error
    socket?.once("close", () => {
      this.#isOpen = false;
    });
    // a notice of the server, or nonsense that the library would wait behind: a new connection is safe in both cases
    socket?.on("data", () => {
      if (!this.#isPinging) this.close();
    });
  }
}

const here = createRequire(import.meta.url);

/**
 * Makes sure that a package is installed, without loading it.
 * @throws HealthError MISSING_PACKAGE with the command that installs it
 */
export function requirePackage(name: string, scheme: string, resolve: (name: string) => unknown = here.resolve): void {
  try {
    resolve(name);
  } catch (cause) {
    const message = `targets of ${scheme}:// need the package ${name}, which is not installed; try: npm install ${name}`;
    throw new HealthError("MISSING_PACKAGE", message, { cause });
  }
}
