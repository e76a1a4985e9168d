/**
 * Where instances are found, and what is found there.
 *
 *     name server --A, AAAA, SRV--.
 *                                  +--> Answer: addresses, or a fault, or both (some files of several)
 *     files (file_sd) ------------'
 *
 * A fault changes nothing: known addresses stay. An answer without addresses and without a fault removes all instances;
 * only a file can give it.
 */

/** Where instances are found. */
export type InstanceSource = { readonly refreshMs: number } & (
  | { readonly kind: "dns"; readonly name: string; readonly port: number }
  | { readonly kind: "srv"; readonly name: string }
  /** `pattern`: a path; `*` in its last part is any text. */
  | { readonly kind: "file"; readonly pattern: string }
);

/** An address that was found. */
export interface FoundAddress {
  /** A name in lower case, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Labels of a file. */
  readonly meta: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** `undefined`: the source has no weight for it. */
  readonly weight: number | undefined;
}

/** The answer of a source. */
export interface SourceAnswer {
  /** Everything that there is; `undefined`: the source has failed as a whole. */
  readonly addresses: readonly FoundAddress[] | undefined;
  /** What has failed, in words for the log. */
  readonly fault: string | undefined;
}

/** Asks a source. It never rejects. */
export type AskSource = () => Promise<SourceAnswer>;

/** Addresses of one source. A longer answer is refused as a whole: a part of it could lack healthy instances. */
export const MAX_ADDRESSES = 10_000;

export const MAX_WEIGHT = 65_535;

/**
 * Whether an address is that of no host (RFC 1122, section 3.2.1.3, and RFC 4291, section 2.5.2). A program that connects to it
 * reaches its own machine. Name servers answer with it for names that they block, so it is no answer.
 */
export function isUnspecified(host: string): boolean {
  return /^(?:0\.0\.0\.0|::|::ffff:0:0|::ffff:0\.0\.0\.0)$/i.test(host);
}

export function failed(fault: string): SourceAnswer {
  return { addresses: undefined, fault };
}
