/**
 * Where each value of a text stands: a tree with the shape of the values.
 *
 * A map from paths to places would need the sum of all path lengths. A short text with deep or long keys can make that sum
 * thousands of times longer than the text itself.
 */
import type { Path } from "../core/option-error.js";

/** The place of a value, as offsets in the text. */
export class Place {
  /** Of the key before the value; of the value itself where there is none. */
  readonly key: number;
  readonly value: number;
  /** The `${...}` that the value contained, without their defaults. */
  references: readonly string[] = [];
  /** Whether the value is a placeholder: the file is read without its environment. */
  isUnknown = false;
  /** A number, a boolean or null as it is written: `1.10`. */
  written: string | undefined;
  /** Created for the first value inside: most values have none. */
  #inside: Map<string | number, Place> | undefined;

  constructor(key: number, value: number) {
    this.key = key;
    this.value = value;
  }

  /** Whether the value contained `${...}`. */
  get isSubstituted(): boolean {
    return this.references.length > 0;
  }

  add(step: string | number, place: Place): Place {
    this.#inside ??= new Map();
    this.#inside.set(step, place);
    return place;
  }

  /** The place of the value at a path inside this one. */
  find(path: Path): Place | undefined {
    let place: Place | undefined = this;
    for (const step of path) {
      place = place.#inside?.get(step);
      if (place === undefined) return undefined;
    }
    return place;
  }

  /** The same; where there is no such value, the place of the nearest value around it. */
  nearest(path: Path): Place {
    let place: Place = this;
    for (const step of path) {
      const next = place.#inside?.get(step);
      if (next === undefined) break;
      place = next;
    }
    return place;
  }
}
