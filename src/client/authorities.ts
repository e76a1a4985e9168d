/**
 * Certificate authorities that are trusted for targets: a bundle that many targets share, and the store of the system.
 *
 *     tls.ca / caFile       these alone
 *     tls.ca: system        SSL_CERT_FILE and SSL_CERT_DIR; if neither is set, the bundle of the operating system
 *     neither               Node's list and NODE_EXTRA_CA_CERTS, and also SSL_CERT_FILE and SSL_CERT_DIR if one is set
 *
 * Node 22.15 can list the store of the system, and Node 20 cannot. On Linux and BSD the store is a file, so it is read here: the
 * behaviour is the same on every version. Sources: https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/ and the
 * files that Go's crypto/x509 reads, https://go.dev/src/crypto/x509/root_linux.go.
 */
import { createHash, type X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import * as tls from "node:tls";
import { HealthError } from "../core/health-error.js";
import { readAuthorities } from "../core/tls-pair.js";

/** The bundle of the operating system: the first of these files. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
  "/etc/ssl/ca-bundle.pem", // openSUSE
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7
  "/etc/ssl/cert.pem", // Alpine, BSD, macOS
  "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD
] as const;

/** The maximum size of a bundle, and of all files of a folder together. */
const MAX_BYTES = 16_777_216;

const BEGIN = "-----BEGIN ";

/** A bundle of authorities, read once. Targets that share it share one `SecureContext`, which holds a copy of it. */
export class Authorities {
  readonly pem: string;
  readonly certificates: readonly X509Certificate[];
  #context: tls.SecureContext | undefined;
  #digest: string | undefined;

  /** @throws HealthError TLS_FAILED for a text that is not PEM */
  constructor(pem: string) {
    this.certificates = readAuthorities(pem);
    this.pem = this.certificates.join("");
  }

  /** SHA-256 of the PEM text, in hexadecimal. */
  get digest(): string {
    this.#digest ??= createHash("sha256").update(this.pem).digest("hex");
    return this.#digest;
  }

  /** For targets without further TLS options. */
  get secureContext(): tls.SecureContext {
    this.#context ??= tls.createSecureContext({ ca: this.pem, allowPartialTrustChain: true });
    return this.#context;
  }
}

/** The environment of the process, in which variables name authorities. */
type Variables = Readonly<Record<string, string | undefined>>;

/** The authorities of this machine. They are read when the first target needs them, and again after a restart. */
export class SystemAuthorities {
  readonly #environment: Variables;
  #system: Authorities | undefined;
  #default: Authorities | undefined;

  constructor(environment: Variables = {}) {
    this.#environment = environment;
  }

  /**
   * What a target trusts whose options have this `ca`; `undefined`: what Node trusts.
   * @throws HealthError TLS_FAILED for a store that cannot be read
   */
  of(ca: string | Authorities | undefined): string | Authorities | undefined {
    if (ca === "system") {
      this.#system ??= new Authorities(this.#readVariables() ?? readBundle());
      return this.#system;
    }
    if (ca !== undefined) return ca;
    const { SSL_CERT_FILE, SSL_CERT_DIR } = this.#environment;
    if (!SSL_CERT_FILE && !SSL_CERT_DIR) return undefined;
    this.#default ??= new Authorities([...this.#nodeAuthorities(), this.#readVariables()].join("\n"));
    return this.#default;
  }

  /** `undefined` if neither variable is set. */
  #readVariables(): string | undefined {
    const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = this.#environment;
    const texts = [
      ...(file ? [readNamed(file, "SSL_CERT_FILE")] : []),
      ...(folders ? folders.split(delimiter).map(readFolder) : []),
    ];
    if (texts.length === 0) return undefined;
    const text = texts.join("\n");
    if (text.includes(BEGIN)) return text;
    throw unreadable(`${file ? "SSL_CERT_FILE" : "SSL_CERT_DIR"} names no certificate in PEM format`);
  }

  #nodeAuthorities(): readonly string[] {
    const listed = listCertificates("default"); // with NODE_EXTRA_CA_CERTS
    if (listed.length > 0) return listed;
    const extra = this.#environment.NODE_EXTRA_CA_CERTS;
    // Node itself ignores a file that cannot be read, and prints a warning
    return [...tls.rootCertificates, (extra && readText(extra)) || ""];
  }
}

/** What Node trusts now: a list of PEM texts. Node 20 cannot tell more than the list that comes with it. */
export function nodeCertificates(): readonly X509Certificate[] {
  const listed = listCertificates("default");
  return readAuthorities((listed.length > 0 ? listed : tls.rootCertificates).join("\n"));
}

/** Empty before Node 22.15. */
function listCertificates(store: "default" | "system"): readonly string[] {
  // the types are those of Node 20
  const { getCACertificates } = tls as { readonly getCACertificates?: (store: string) => string[] };
  return getCACertificates?.(store) ?? [];
}

function readBundle(): string {
  for (const file of BUNDLES) {
    const text = readText(file);
    if (text?.includes(BEGIN)) return text;
  }
  // macOS and Windows have no such file
  const listed = listCertificates("system");
  if (listed.length > 0) return listed.join("\n");
  throw unreadable("this machine has no bundle of authorities in a usual place; set SSL_CERT_FILE");
}

function readNamed(file: string, variable: string): string {
  const text = readText(file);
  if (text !== undefined) return text;
  throw unreadable(`${variable} names ${file}, which is not a file that can be read`);
}

/** All certificates in a folder. The names of its files do not matter. */
function readFolder(folder: string): string {
  let names: readonly string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    throw unreadable(`SSL_CERT_DIR names ${folder}, which is not a folder that can be read`);
  }
  const texts: string[] = [];
  let total = 0;
  for (const name of names) {
    const text = total > MAX_BYTES ? undefined : readText(join(folder, name));
    if (!text?.includes(BEGIN)) continue;
    total += text.length;
    texts.push(text);
  }
  return texts.join("\n");
}

function readText(file: string): string | undefined {
  try {
    const stats = statSync(file);
    return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(text: string): HealthError {
  return new HealthError("TLS_FAILED", `the authorities of the system: ${text}`);
}
