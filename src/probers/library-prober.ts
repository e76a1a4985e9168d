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
import { BrokenCall, Unanswered } from "../client/broken-call.js";
import { type Connected, ConnectionAttempts, type TargetAddress } from "../client/connection-attempts.js";
import { InputLimit } from "../client/input-limit.js";
import { type ReusableConnection, ReusedConnection, type ReuseOptions } from "../client/reused-connection.js";
import { HealthError } from "../core/health-error.js";
import { PASS, type ProbeResult, type Prober } from "./prober.js";
import { resultOfError } from "./reasons.js";

/** More bytes are not taken from a target in one probe, the login included. */
const MAX_ANSWER_BYTES = 65_536;

/** A client that is connected. */
export interface LibraryClient {
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

/** A client library. */
export interface Library {
  readonly address: TargetAddress;
  /** Loads the library, before there is a connection: a socket that no code listens to would lose its end. */
  readonly load: () => Promise<Login>;
  /** The meaning of an error that the server sent; `undefined` for errors of the connection. */
  readonly judge: (error: unknown) => ProbeResult | undefined;
}

/** A prober on a client library. */
export function openLibraryProber(library: Library, reuse: ReuseOptions): Prober {
  const connection = new ReusedConnection((timeoutMs) => new LibraryConnection(library, timeoutMs), reuse);
  return {
    async probe({ timeoutMs }) {
      try {
        await connection.call(timeoutMs, (client) => client.ping());
        return PASS;
      } catch (error) {
        // no connection: the errors of several addresses have no code together
        if (error instanceof BrokenCall || error instanceof AggregateError) return resultOfError(error);
        return library.judge(error) ?? resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}

class LibraryConnection implements ReusableConnection {
  readonly certificateEndsAt = undefined;
  #attempts: ConnectionAttempts | undefined;
  readonly #client: Promise<LibraryClient>;
  #connected: Connected | undefined;
  readonly #limit = new InputLimit(MAX_ANSWER_BYTES);
  #isOpen = true;
  #isPinging = false;
  #rejectPing: (error: Error) => void = () => {};

  constructor({ address, load }: Library, timeoutMs: number) {
    this.#client = load().then((login) => this.#connect(address, timeoutMs, login));
    this.#client.then(
      () => this.#watch(),
      () => {}, // `ping` rejects with the error
    );
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get connectError(): Error | undefined {
    return this.#attempts?.error;
  }

  hasMoved(): boolean {
    return this.#connected?.hasMoved() === true;
  }

  ref(): void {
    this.#connected?.socket.ref();
  }

  unref(): void {
    this.#connected?.socket.unref();
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

  close(error: Error = new BrokenCall("cancelled", "the connection is closed")): void {
    this.#isOpen = false;
    this.#rejectPing(error);
    this.#attempts?.close();
    this.#connected?.socket.destroy(error);
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

  #watch(): void {
    const socket = this.#connected?.socket;
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
