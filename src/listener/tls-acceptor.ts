/**
 * The TLS end of the listeners: handshakes, with the identity of the moment, and whether the client is allowed.
 *
 *     gate --connection--> handshake --> client allowed? --yes--> gate.receiveSecure
 *                              | failed       | no
 *                              '--------------'--> gate ends the connection: nothing was read from it
 */
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from "node:tls";
import { clientRefusal } from "../core/allowed-clients.js";
import { printable } from "../core/printable.js";
import { readCertificateNames } from "./certificate-names.js";
import type { ConnectionGate } from "./connection-gate.js";
import { identityEndsAt, renewedIdentity, type TlsIdentity, tlsServerOptions } from "./tls.js";

/** Why a client is not allowed, and who it is. For the log only. */
export interface RefusedClient {
  readonly cause: string;
  /** The names of its certificate, shortened; the CA has verified them. */
  readonly names: readonly string[];
}

/** A certificate may have hundreds of names, of any length. */
const MAX_NAMES = 5;
const MAX_NAME_LENGTH = 200;

export class TlsAcceptor {
  /** Has no address: the gate gives it the connections. */
  readonly server: TlsServer;
  #identity: TlsIdentity;

  /** @throws HealthError TLS_FAILED, INVALID_OPTION */
  constructor(identity: TlsIdentity, gate: ConnectionGate) {
    this.#identity = identity;
    this.server = createServer(tlsServerOptions(identity), (socket) => {
      const refused = this.#refused(socket);
      if (refused === undefined) gate.receiveSecure(socket);
      else gate.refuseClient(refused, socket);
    }).on("tlsClientError", (error, socket) => gate.refuseHandshake(error, socket));
  }

  /** Wall time at which the first certificate of the chain expires. */
  get certificateEndsAt(): number {
    return identityEndsAt(this.#identity);
  }

  /**
   * Uses another identity for new connections.
   * @throws HealthError TLS_FAILED, INVALID_OPTION; the previous one stays in use then
   */
  replace(identity: TlsIdentity): void {
    const next = renewedIdentity(this.#identity, identity);
    const options: TlsOptions = tlsServerOptions(next);
    this.server.setSecureContext(options);
    this.#identity = next;
  }

  /** Why the client may not connect; `undefined` for one that may. */
  #refused(socket: TLSSocket): RefusedClient | undefined {
    const { allowClients = "any" } = this.#identity;
    if (allowClients === "any") return undefined;
    const raw = socket.getPeerX509Certificate()?.raw;
    if (raw === undefined) return { cause: "it has shown no certificate", names: [] };
    try {
      const names = readCertificateNames(raw);
      const cause = clientRefusal(allowClients, names);
      return cause === undefined
        ? undefined
        : { cause, names: [...names.dns, ...names.uri].slice(0, MAX_NAMES).map(shown) };
    } catch {
      return { cause: "the names of its certificate cannot be read", names: [] };
    }
  }
}

function shown(name: string): string {
  return printable(name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}...` : name);
}
