/**
 * The time of orders, which all members share: of two orders, the later one has the higher number.
 *
 *     a   1000 ... 1400 --beat: 1400--.                 each member counts the milliseconds of its monotonic clock,
 *     c     20 ...  420               '-> 1400 ...      from the highest number that it knows
 *
 * No wall clock is compared. A new order has a higher number than all orders that its member knows. At members that are apart,
 * the time differs by what a beat takes from one to the other, about a beat. It begins anew when all members have ended.
 */
import type { Clock } from "../../core/clock.js";

export class OrderTime {
  readonly #clock: Clock;
  #highest: { readonly number: number; readonly at: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#highest = { number: 0, at: clock.now() };
  }

  /** For beats. */
  get now(): number {
    return Math.floor(this.#elapsed);
  }

  /** For an order that is given now. */
  next(): number {
    const number = Math.ceil(this.#elapsed) + 1;
    this.hear(number);
    return number;
  }

  /** The number of a beat, or of an order. */
  hear(number: number): void {
    if (number > this.#elapsed) this.#highest = { number, at: this.#clock.now() };
  }

  get #elapsed(): number {
    const { number, at } = this.#highest;
    return number + (this.#clock.now() - at); // exactly `number` at that time
  }
}
