/**
 * Certificates for tests: any chain, with any times. They are encoded by hand (X.509, RFC 5280; DER, X.690), because OpenSSL's
 * command line does not sign a certificate that ended long ago. Keys are EC P-256.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

const DAY_MS = 86_400_000;

/** A name with its key pair. Several certificates may be issued for one. */
export interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** The private key as PEM. */
  readonly key: string;
}

export interface CertificateOptions {
  /** Default: the subject itself (a root). */
  readonly issuer?: Subject;
  /** Days from now on. Default -1. */
  readonly startsInDays?: number;
  /** Days from now on. Default 90. */
  readonly endsInDays?: number;
  /** An authority. Default true without `hosts`. */
  readonly isAuthority?: boolean;
  /** DNS names, addresses and URIs of a server. */
  readonly hosts?: readonly string[];
  /** DNS names and URIs of any bytes, as Latin-1, in this order after `hosts`. */
  readonly names?: readonly (readonly [kind: "dns" | "uri", text: string])[];
  /** The first byte of keyUsage. Default: no keyUsage. */
  readonly usage?: number;
  /** Further extensions, in DER. */
  readonly extensions?: readonly Buffer[];
  /** Domains that the certificates below an authority may have (RFC 5280, section 4.2.1.10). */
  readonly permitted?: readonly string[];
}

export function createSubject(name: string): Subject {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { name, publicKey, privateKey, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** A certificate as PEM. */
export function certify(subject: Subject, options: CertificateOptions = {}): string {
  const {
    issuer = subject,
    startsInDays = -1,
    endsInDays = 90,
    hosts = [],
    names = [],
    permitted = [],
    isAuthority = hosts.length + names.length === 0,
  } = options;
  const signedPart = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))), // version 3
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(issuer.name),
    sequence(timeIn(startsInDays), timeIn(endsInDays)),
    nameOf(subject.name),
    subject.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions(subject, issuer, { ...options, hosts, names, permitted, isAuthority }))),
  );
  const signature = sign("sha256", signedPart, issuer.privateKey);
  const certificate = sequence(signedPart, ECDSA_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = certificate.toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

type Extended = CertificateOptions &
  Required<Pick<CertificateOptions, "hosts" | "names" | "permitted" | "isAuthority">>;

function extensions(subject: Subject, issuer: Subject, options: Extended): readonly Buffer[] {
  const { hosts, names, permitted, isAuthority, usage } = options;
  const ofHosts = hosts.map((host) =>
    host.includes("://")
      ? tagged(0x86, Buffer.from(host))
      : isIP(host) > 0
        ? tagged(0x87, addressBytes(host))
        : tagged(0x82, Buffer.from(host)),
  );
  const ofNames = names.map(([kind, text]) => tagged(kind === "uri" ? 0x86 : 0x82, Buffer.from(text, "latin1")));
  const alternatives = [...ofHosts, ...ofNames];
  return [
    extension([0x13], sequence(...(isAuthority ? [tagged(0x01, Buffer.from([0xff]))] : []))), // basicConstraints
    extension([0x0e], tagged(0x04, keyId(subject))),
    extension([0x23], sequence(tagged(0x80, keyId(issuer)))),
    ...(permitted.length === 0 ? [] : [extension([0x1e], sequence(tagged(0xa0, permittedTrees(permitted))))]),
    ...(usage === undefined ? [] : [extension([0x0f], tagged(0x03, Buffer.from([0, usage])))]),
    ...(alternatives.length === 0 ? [] : [extension([0x11], sequence(...alternatives))]),
    ...(options.extensions ?? []),
  ];
}

function permittedTrees(domains: readonly string[]): Buffer {
  return Buffer.concat(domains.map((domain) => sequence(tagged(0x82, Buffer.from(domain)))));
}

/** An IPv6 address is written as a URL has it: the groups of zeros are restored. */
function addressBytes(host: string): Buffer {
  if (!host.includes(":")) return Buffer.from(host.split(".").map(Number));
  const [left = [], right = []] = host.split("::").map((side) => side.split(":").filter(Boolean));
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** An extension of the arc 2.5.29. */
export function extension(number: readonly number[], value: Buffer): Buffer {
  return sequence(tagged(0x06, Buffer.from([0x55, 0x1d, ...number])), tagged(0x04, value));
}

function keyId({ publicKey }: Subject): Buffer {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(tagged(0x06, Buffer.from([0x55, 0x04, 0x03])), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, attribute));
}

/** GeneralizedTime, without milliseconds. */
function timeIn(days: number): Buffer {
  const text = new Date(Date.now() + days * DAY_MS).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return tagged(0x18, Buffer.from(text));
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

export function tagged(tag: number, value: Buffer): Buffer {
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), value]);
}

/** The algorithm ecdsa-with-SHA256, 1.2.840.10045.4.3.2. */
const ECDSA_SHA256 = sequence(tagged(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
