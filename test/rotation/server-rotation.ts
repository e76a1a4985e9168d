/**
 * Certificate, key and client CA of `healthbridge serve` are replaced on disk, under a steady rate of handshakes.
 *
 *     clients, 100 a second: TLS 1.2 and 1.3, with and without an offered session, mTLS --GET /livez--> serve
 *     folder:  ..data --> ..N/{tls.crt, tls.key, ca.crt}   <-- one after the other, half-written, link swapped, CA renewed
 *
 * Each handshake must be answered: the previous pair is served until the next one is whole. Needs the build.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type SecureVersion } from "node:tls";
import { certify, createSubject, type Subject } from "../support/certificates.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";

export interface ServerRotationOptions {
  readonly swaps: number;
  readonly handshakesPerSecond: number;
  /** How long a pair does not match, or a file is half written. */
  readonly tornMs: number;
  readonly listenThread: boolean;
}

export interface ServerRotationReport {
  readonly handshakes: number;
  /** Of them, those whose client offered a session of before. */
  readonly offeredSessions: number;
  readonly swaps: number;
  /** The longest time from the last write of a swap until a client saw the new certificate. */
  readonly longestSwapMs: number;
  readonly handshakeP99Ms: number;
  /** Handshakes without an answer, with their causes. */
  readonly failures: readonly string[];
}

const CLIENT_NAME = "prober.example.org";
const HANDSHAKE_TIMEOUT_MS = 10_000;
const SWAP_TIMEOUT_MS = 30_000;
const VERSIONS = ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[];

/** The files of the daemon, as Kubernetes mounts a Secret, and the ways to replace them. */
class Files {
  readonly folder = mkdtempSync(join(tmpdir(), "healthbridge-server-rotation-"));
  readonly root = createSubject("root");
  readonly ca = certify(this.root);
  #pair = this.#newPair();
  #clientCa: string;
  #version = 0;

  constructor(clientCa: string) {
    this.#clientCa = clientCa;
    this.swapLink();
    for (const name of ["tls.crt", "tls.key", "ca.crt"]) symlinkSync(`..data/${name}`, this.path(name));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Certificate, then key, each by a rename. */
  async oneAfterTheOther(tornMs: number): Promise<void> {
    this.#pair = this.#newPair();
    this.#replace("tls.crt", this.#pair.cert);
    await pause(tornMs);
    this.#replace("tls.key", this.#pair.key);
  }

  /** Key, then certificate, each in two writes into the open file. */
  async halfWritten(tornMs: number): Promise<void> {
    this.#pair = this.#newPair();
    for (const [name, text] of [
      ["tls.key", this.#pair.key],
      ["tls.crt", this.#pair.cert],
    ] as const) {
      writeFileSync(this.path(name), text.slice(0, text.length / 2));
      await pause(tornMs);
      writeFileSync(this.path(name), text);
    }
  }

  /** All files in one step. */
  swapLink(): void {
    this.#version += 1;
    if (this.#version > 1) this.#pair = this.#newPair();
    mkdirSync(this.path(`..${this.#version}`));
    for (const [name, text] of [
      ["tls.crt", this.#pair.cert],
      ["tls.key", this.#pair.key],
      ["ca.crt", this.#clientCa],
    ] as const)
      writeFileSync(this.path(`..${this.#version}/${name}`), text, { mode: 0o600 });
    symlinkSync(`..${this.#version}`, this.path("..data_tmp"));
    renameSync(this.path("..data_tmp"), this.path("..data"));
  }

  replaceClientCa(clientCa: string): void {
    this.#clientCa = clientCa;
    this.#replace("ca.crt", clientCa);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #newPair(): { readonly cert: string; readonly key: string } {
    const subject = createSubject("server");
    return { cert: certify(subject, { issuer: this.root, hosts: ["localhost"] }), key: subject.key };
  }

  #replace(name: string, text: string): void {
    writeFileSync(this.path(`..data/.${name}`), text, { mode: 0o600 });
    renameSync(this.path(`..data/.${name}`), this.path(`..data/${name}`));
  }
}

/** Handshakes at a rate that does not depend on their answers. */
class Clients {
  readonly failures: string[] = [];
  readonly durations: number[] = [];
  offeredSessions = 0;
  started = 0;
  /** Of the certificate that the last handshake saw. */
  fingerprint = "";
  readonly #key = createSubject("client");
  readonly #port: number;
  readonly #ca: string;
  readonly #open = new Set<Promise<void>>();
  readonly #sessions = new Map<SecureVersion, Buffer>();
  #cert = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, ca: string, issuer: Subject) {
    this.#port = port;
    this.#ca = ca;
    this.useIssuer(issuer);
  }

  useIssuer(issuer: Subject): void {
    this.#cert = certify(this.#key, { issuer, hosts: [CLIENT_NAME] });
  }

  start(perSecond: number): void {
    const startedAt = performance.now();
    // a timer that is late makes up for it: the rate is that of the clock
    this.#timer = setInterval(() => {
      while (this.started < ((performance.now() - startedAt) * perSecond) / 1_000) this.#begin();
    }, 5);
  }

  /** Starts no more, and waits for the open ones. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.settle();
  }

  /** Waits for the handshakes that are open now. */
  async settle(): Promise<void> {
    await Promise.all(this.#open);
  }

  #begin(): void {
    const version = VERSIONS[this.started % 2] ?? "TLSv1.3";
    const offersSession = this.started % 4 >= 2;
    this.started += 1;
    const handshake = this.#handshake(version, offersSession ? this.#sessions.get(version) : undefined);
    this.#open.add(handshake);
    void handshake.then(() => this.#open.delete(handshake));
  }

  #handshake(version: SecureVersion, session: Buffer | undefined): Promise<void> {
    if (session !== undefined) this.offeredSessions += 1;
    const startedAt = performance.now();
    const identity = { ca: this.#ca, cert: this.#cert, key: this.#key.key };
    const only = { minVersion: version, maxVersion: version, session };
    const socket = connect({ port: this.#port, host: "127.0.0.1", servername: "localhost", ...identity, ...only });
    let answer = "";
    let cause = "closed";
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => socket.destroy(new Error("timeout")));
    socket.on("session", (each) => this.#sessions.set(version, each));
    socket.once("secureConnect", () => {
      this.fingerprint = socket.getPeerCertificate().fingerprint256;
      socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    });
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
    });
    socket.on("error", (error) => {
      cause = error.message;
    });
    return new Promise((resolve) => {
      socket.once("close", () => {
        this.durations.push(performance.now() - startedAt);
        if (!answer.startsWith("HTTP/1.1 200 ")) this.failures.push(`${version}: ${cause} ${answer.slice(0, 40)}`);
        resolve();
      });
    });
  }
}

/** The client CA is replaced: both are valid, the clients get new certificates, and then the new one is valid alone. */
class Authorities {
  current = createSubject("client CA 0");
  #count = 0;

  pem(): string {
    return certify(this.current);
  }

  async replace(files: Files, clients: Clients, used: (action: () => void) => Promise<void>): Promise<void> {
    const old = this.pem();
    this.#count += 1;
    this.current = createSubject(`client CA ${this.#count}`);
    const next = this.pem();
    await used(() => files.replaceClientCa(old + next));
    clients.useIssuer(this.current);
    await clients.settle(); // a handshake with the old certificate may be open
    await used(() => files.replaceClientCa(next));
  }
}

export async function serverRotation(options: ServerRotationOptions): Promise<ServerRotationReport> {
  const authorities = new Authorities();
  const files = new Files(authorities.pem());
  const [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map((name) => files.path(name));
  writeFileSync(
    files.path("c.yaml"),
    `listen: ["127.0.0.1:0"]\nlistenThread: ${options.listenThread}\ndrainDelay: 0s\n` +
      `tls: { certFile: ${cert}, keyFile: ${key}, clientCaFile: ${ca}, allowClients: { dns: [${CLIENT_NAME}] } }\n`,
  );
  const daemon = await DaemonProcess.serve("-c", files.path("c.yaml"));
  const clients = new Clients(daemon.port, files.ca, authorities.current);
  let longestSwapMs = 0;
  const reloads = () => daemon.log.filter(({ event }) => event === "file-reloaded").length;
  const usedAfter = async (action: () => void) => {
    const before = reloads();
    action();
    await eventually(() => reloads() > before, "the new CA is in use", SWAP_TIMEOUT_MS);
  };
  const shownAfter = async (action: () => Promise<void> | void) => {
    const before = clients.fingerprint;
    await action();
    const writtenAt = performance.now();
    await eventually(() => clients.fingerprint !== before, "the new certificate is seen", SWAP_TIMEOUT_MS);
    longestSwapMs = Math.max(longestSwapMs, performance.now() - writtenAt);
  };
  const kinds: readonly (() => Promise<void>)[] = [
    () => shownAfter(() => files.oneAfterTheOther(options.tornMs)),
    () => shownAfter(() => files.halfWritten(options.tornMs)),
    () => shownAfter(() => files.swapLink()),
    () => authorities.replace(files, clients, usedAfter),
  ];
  try {
    clients.start(options.handshakesPerSecond);
    await eventually(() => clients.fingerprint !== "", "the first handshake");
    for (let swap = 0; swap < options.swaps; swap += 1) await kinds[swap % kinds.length]?.();
    await clients.stop();
  } finally {
    await clients.stop();
    await daemon.kill();
    files.remove();
  }
  const { started, offeredSessions, failures, durations } = clients;
  const handshakeP99Ms = durations.sort((a, b) => a - b)[Math.floor(durations.length * 0.99)] ?? 0;
  return { handshakes: started, offeredSessions, swaps: options.swaps, longestSwapMs, handshakeP99Ms, failures };
}
