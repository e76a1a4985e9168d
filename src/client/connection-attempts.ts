/**
 * Connects to a target that may have several addresses (RFC 8305, "Happy Eyeballs", section 5).
 *
 *     name --> addresses --> first -------- no answer -------------------------------> closed
 *                            second (250 ms later) --- refused                           |
 *                            third  (at once)      --- connected --> this one is used ---'
 *
 * Every attempt goes on until one of them connects: Node drops an attempt after 250 ms, and takes a target that is far
 * away for one that is down (nodejs/node#54359).
 *
 * Attempts beside the first one need descriptors, of which the resolver of all targets has a limited number. When none is
 * free, the oldest attempt ends for the next one.
 */
import type { LookupAddress } from "node:dns";
import { connect, isIP, type Socket, type TcpNetConnectOpts } from "node:net";
import type { CancelTimer } from "../core/clock.js";
import type { Resolver } from "./resolver.js";
import type { Trace } from "./trace.js";

/** Where a target listens: at an address, or at a Unix socket of this machine. */
export type TargetAddress =
  | { readonly host: string; readonly port: number; readonly resolver: Resolver }
  | { readonly path: string; readonly trace?: Trace | undefined };

/** A connection, and the address that it goes to. */
export interface Connected {
  readonly socket: Socket;
  /** Whether the target's name no longer has this address. It answers at once. */
  readonly hasMoved: () => boolean;
}

/** Receives the result of the attempts. Nothing is called before the constructor returns, nor after `close`. */
export interface AttemptsListener {
  /** Called in the `connect` event of the socket. No other listener is left on it. */
  onConnect(connected: Connected): void;
  /** No address, or no attempt that succeeded. */
  onError(error: Error): void;
}

/** How the socket of an attempt reads, where it does not use streams. */
export type OnRead = NonNullable<TcpNetConnectOpts["onread"]>;

/** Section 5: the Connection Attempt Delay, and its minimum. */
const ATTEMPT_DELAY_MS = 250;
const MIN_ATTEMPT_DELAY_MS = 10;

export class ConnectionAttempts {
  readonly #to: TargetAddress;
  readonly #timeoutMs: number;
  /** First in the options of `connect`: V8 copies an object that comes first much faster. */
  readonly #reading: { readonly onread?: OnRead };
  readonly #listener: AttemptsListener;
  readonly #trace: Trace | undefined;
  readonly #known = new Set<string>();
  #queue: readonly LookupAddress[] = [];
  readonly #pending = new Set<Socket>();
  readonly #errors: Error[] = [];
  /** Attempts that the resolver has lent. */
  #lent = 0;
  /** When the last attempt began. */
  #startedAt = 0;
  #isResolved = false;
  #isOver = false;
  #cancelTimer: CancelTimer = () => {};
  #stopResolving: () => void = () => {};

  /** @param timeoutMs until the caller closes: every address is tried before */
  constructor(to: TargetAddress, timeoutMs: number, listener: AttemptsListener, onRead?: OnRead) {
    this.#to = to;
    this.#timeoutMs = timeoutMs;
    this.#listener = listener;
    this.#reading = onRead === undefined ? {} : { onread: onRead };
    this.#trace = traceOf(to);
    if ("path" in to) {
      this.#isResolved = true;
      this.#connect(connect({ ...this.#reading, path: to.path }), "");
    } else if (isIP(to.host) > 0) this.#onAddresses([{ address: to.host, family: isIP(to.host) }], true);
    else this.#resolve(to);
  }

  /**
   * Why there is no connection yet, when the deadline is over: DNS has used it up, or each attempt has failed. `undefined`
   * while an attempt waits for the target.
   */
  get error(): Error | undefined {
    if (this.#isOver || this.#pending.size > 0) return undefined;
    if (this.#errors.length > 0) return this.#combinedError();
    if (this.#known.size > 0 || "path" in this.#to) return undefined;
    const message = `no name server has answered for ${this.#to.host} within the deadline`;
    return Object.assign(new Error(message), { code: "EAI_AGAIN" });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    this.#stopResolving();
    for (const socket of this.#pending) socket.destroy();
    this.#pending.clear();
    this.#giveBack();
  }

  #resolve({ host, resolver }: Exclude<TargetAddress, { path: string }>): void {
    this.#trace?.({ kind: "resolving", name: host });
    const stop = resolver.resolve(host, {
      onAddresses: (addresses, isComplete) => {
        this.#trace?.({ kind: "resolved", name: host, addresses: addresses.map(({ address }) => address) });
        this.#onAddresses(addresses, isComplete);
      },
      onError: (error) => {
        this.#trace?.({ kind: "unresolved", name: host, error });
        this.#onResolveError(error);
      },
    });
    const keepsAlive = setTimeout(() => {}, this.#timeoutMs); // the resolver does not
    this.#stopResolving = () => {
      clearTimeout(keepsAlive);
      stop();
    };
  }

  #onAddresses(addresses: readonly LookupAddress[], isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isResolved = isComplete;
    if (isComplete) this.#stopResolving();
    const isFirst = this.#known.size === 0;
    const added = addresses.filter(({ address }) => !this.#known.has(address));
    for (const { address } of added) this.#known.add(address);
    this.#queue = isFirst && added.length === 1 ? added : alternate([...this.#queue, ...added]);
    if (isFirst || this.#pending.size === 0) this.#next();
    else this.#scheduleNext();
  }

  /** The last call of a look-up. Addresses that came before are still tried. */
  #onResolveError(error: Error): void {
    this.#isResolved = true;
    this.#stopResolving();
    if (this.#known.size === 0) this.#errors.push(error);
    this.#failIfOver();
  }

  /** Tries the next address, and the one after it a little later. */
  #next(): void {
    this.#cancelTimer();
    const [next, ...rest] = this.#queue;
    if (next === undefined || "path" in this.#to) {
      this.#failIfOver();
      return;
    }
    this.#queue = rest;
    this.#makeRoom(this.#to.resolver);
    const { address } = next;
    this.#startedAt = this.#to.resolver.clock.now();
    this.#connect(connect({ ...this.#reading, host: address, port: this.#to.port, noDelay: true }), address);
    this.#scheduleNext();
  }

  /** Also for addresses that become known while an attempt waits. */
  #scheduleNext(): void {
    this.#cancelTimer();
    if (this.#queue.length === 0 || "path" in this.#to) return;
    const { clock } = this.#to.resolver;
    const delayMs = Math.max(MIN_ATTEMPT_DELAY_MS, this.#timeoutMs / (this.#known.size + 1));
    const waitMs = this.#startedAt + Math.min(ATTEMPT_DELAY_MS, delayMs) - clock.now();
    this.#cancelTimer = clock.setTimer(Math.max(0, waitMs), () => this.#next());
  }

  #connect(socket: Socket, address: string): void {
    this.#pending.add(socket);
    this.#trace?.({ kind: "connecting", address: shownAddress(this.#to, address) });
    const onError = (error: Error) => {
      if (!this.#pending.delete(socket)) return;
      this.#errors.push(error);
      this.#trace?.({ kind: "unconnected", address: shownAddress(this.#to, address), error });
      this.#giveBack();
      this.#next();
    };
    socket.on("error", onError);
    socket.once("connect", () => {
      if (!this.#pending.delete(socket)) return;
      this.#trace?.({ kind: "connected", address: shownAddress(this.#to, address) });
      this.close();
      socket.removeListener("error", onError);
      this.#listener.onConnect({ socket, hasMoved: hasMovedFrom(address, this.#to) });
    });
  }

  #failIfOver(): void {
    if (this.#isOver || this.#pending.size > 0 || this.#queue.length > 0 || !this.#isResolved) return;
    // without an error, every attempt has ended for another one: the target has not answered yet, and the deadline decides
    if (this.#errors.length === 0) return;
    const error = this.#combinedError();
    this.close();
    this.#listener.onError(error);
  }

  #combinedError(): Error {
    const [first, second] = this.#errors;
    if (first !== undefined && second === undefined) return first;
    return new AggregateError(this.#errors, `no connection to any address: ${first?.message}`);
  }

  /** The first attempt has the place of its probe. */
  #makeRoom(resolver: Resolver): void {
    if (this.#pending.size <= this.#lent) return;
    if (resolver.takeAttempt()) {
      this.#lent += 1;
      return;
    }
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    oldest.destroy();
  }

  #giveBack(): void {
    const needed = Math.max(0, this.#pending.size - 1);
    for (; this.#lent > needed && !("path" in this.#to); this.#lent -= 1) this.#to.resolver.releaseAttempt();
  }
}

/** Whether the name of a target no longer has an address. It is called before each probe: only what can change is looked up then. */
function hasMovedFrom(address: string, to: TargetAddress): () => boolean {
  if ("path" in to || address === to.host) return () => false;
  const { host, resolver } = to;
  return () => resolver.hasMoved(host, address);
}

/** What receives the steps of connections to a target. */
export function traceOf(to: TargetAddress): Trace | undefined {
  return "path" in to ? to.trace : to.resolver.trace;
}

function shownAddress(to: TargetAddress, address: string): string {
  if ("path" in to) return to.path;
  return isIP(address) === 6 ? `[${address}]:${to.port}` : `${address}:${to.port}`;
}

/** The addresses of both families in turn, beginning with the family of the first one (RFC 8305, section 4). */
function alternate(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
  if (addresses.length < 2) return addresses;
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const longer = Math.max(first.length, others.length);
  return Array.from({ length: longer }, (_, index) => [first[index], others[index]])
    .flat()
    .filter((address) => address !== undefined);
}
