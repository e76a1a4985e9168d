/**
 * Which members probe which check: weighted rendezvous hashing.
 *
 *     check "orders"    a: hash 0.31   b: hash 0.92   c: hash 0.57      copies 2 --> b, c
 *     without b                                                         copies 2 --> c, a      no other check moves
 *
 * Each member computes it alone, from the same names, and gets the same. The hash has the NAME of a member: a process that
 * was restarted gets its checks back. The score of a member is -weight / ln(u), where u is the hash as a number of (0, 1):
 * so its share of the checks follows its weight. https://en.wikipedia.org/wiki/Rendezvous_hashing
 */
import type { Run } from "../store/store.js";

/** A member that may get checks. */
export interface Assignable {
  readonly run: Run;
  readonly name: string;
  readonly zone: string | undefined;
  /** Above 0. */
  readonly weight: number;
}

/** A candidate with the hash of its name, which is computed once. */
export interface HashedCandidate extends Assignable {
  readonly hash: number;
}

export function hashed(candidate: Assignable): HashedCandidate {
  return { ...candidate, hash: hashOf(candidate.name) };
}

/** 32 bits: FNV-1a over the UTF-16 units, with the last mixing step of MurmurHash3. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mixed(hash);
}

/** The candidates, prepared for many checks: 100,000 checks and 20 members take a tenth of a second. */
export class Ranking<Of extends HashedCandidate> {
  readonly #candidates: readonly Of[];
  /** Of equal weights, the hash alone is in the same order as the score. */
  readonly #isEven: boolean;
  /** The number of the zone of each candidate. */
  readonly #zones: readonly number[];
  readonly #scores: Float64Array;
  readonly #inZone: Uint32Array;

  constructor(candidates: readonly Of[]) {
    // of equal scores, the name that comes first wins
    this.#candidates = candidates.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    this.#isEven = candidates.every(({ weight }) => weight === candidates[0]?.weight);
    const zones = [...new Set(candidates.map(({ zone }) => zone))];
    this.#zones = this.#candidates.map(({ zone }) => zones.indexOf(zone));
    this.#scores = new Float64Array(candidates.length);
    this.#inZone = new Uint32Array(zones.length);
  }

  /**
   * The best `copies` of the candidates for a check, the best one first. In different zones, as far as there are zones: the
   * next one is always the best of those whose zone has the fewest so far.
   */
  owners(checkHash: number, copies: number): readonly Of[] {
    this.#candidates.forEach((candidate, index) => {
      this.#scores[index] = this.#scoreOf(checkHash, candidate);
    });
    this.#inZone.fill(0);
    const owners: Of[] = [];
    const count = Math.min(copies, this.#candidates.length);
    while (owners.length < count) {
      const best = this.#best();
      const owner = this.#candidates[best];
      if (owner === undefined) break;
      owners.push(owner);
      this.#scores[best] = TAKEN;
      const zone = this.#zones[best] ?? 0;
      this.#inZone[zone] = (this.#inZone[zone] ?? 0) + 1;
    }
    return owners;
  }

  #best(): number {
    let [best, bestScore, fewest] = [-1, TAKEN, Number.POSITIVE_INFINITY];
    for (let index = 0; index < this.#scores.length; index += 1) {
      const score = this.#scores[index] ?? TAKEN;
      if (score === TAKEN) continue;
      const inZone = this.#inZone[this.#zones[index] ?? 0] ?? 0;
      if (inZone > fewest || (inZone === fewest && score <= bestScore)) continue;
      [best, bestScore, fewest] = [index, score, inZone];
    }
    return best;
  }

  #scoreOf(checkHash: number, { hash, weight }: HashedCandidate): number {
    const u = (mixed(checkHash ^ Math.imul(hash, 0x9e3779b1)) + 0.5) / 2 ** 32;
    return this.#isEven ? u : -weight / Math.log(u);
  }
}

/** The score of a candidate that is an owner. Others have a score above 0. */
const TAKEN = -1;

/** The owners of one check. For many checks, a `Ranking` is kept. */
export function ownersOf<Of extends HashedCandidate>(
  checkHash: number,
  copies: number,
  candidates: readonly Of[],
): readonly Of[] {
  return new Ranking(candidates).owners(checkHash, copies);
}

/** fmix32 of MurmurHash3: each bit of the input changes each bit of the output with a probability of one half. */
function mixed(bits: number): number {
  let hash = bits;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
