/**
 * Whether rows may be moved now. A row that moves under the pointer makes a click hit another one.
 *
 *     pointer over the list, moved or pressed in the last 10 s --> wait
 *     pointer outside the list, or not moved for 10 s          --> move
 */
const STILL_MS = 10_000;

export class Quiet {
  readonly #list: Element;
  #activeAt = Number.NEGATIVE_INFINITY;

  /** @param onLeave called when the pointer leaves the list */
  constructor(list: Element, onLeave: () => void) {
    this.#list = list;
    const active = () => {
      this.#activeAt = performance.now();
    };
    for (const type of ["pointermove", "pointerdown", "wheel"]) list.addEventListener(type, active, { passive: true });
    list.addEventListener("pointerleave", onLeave);
  }

  get isQuiet(): boolean {
    return !this.#list.matches(":hover") || performance.now() - this.#activeAt > STILL_MS;
  }
}
