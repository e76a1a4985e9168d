/**
 * Who watches which name: a map of sets, from which an empty set goes at once.
 *
 * That last part is the point. Names come from strangers; a server that keeps a set for each name ever asked for can
 * be filled up by anyone who can connect (grpc-health-check, Python and grpc-go have all had that leak).
 */
import type { Latest } from "../core/latest.js";
import type { WatchStatus } from "../core/serving-status.js";

export class Watchers {
  readonly #byName = new Map<string, Set<Latest<WatchStatus>>>();
  #count = 0;

  /** Open watches, over all names. */
  get count(): number {
    return this.#count;
  }

  /** Names with at least one open watch. */
  get nameCount(): number {
    return this.#byName.size;
  }

  /** Adds a mailbox under a name; returns the way out, which may be called twice. */
  add(name: string, mailbox: Latest<WatchStatus>): () => void {
    let mailboxes = this.#byName.get(name);
    if (mailboxes === undefined) {
      mailboxes = new Set();
      this.#byName.set(name, mailboxes);
    }
    mailboxes.add(mailbox);
    this.#count += 1;
    return () => this.#remove(name, mailbox);
  }

  /** Puts a status into every mailbox under a name. O(watchers of the name). */
  tell(name: string, status: WatchStatus): void {
    for (const mailbox of this.#byName.get(name) ?? []) mailbox.put(status);
  }

  #remove(name: string, mailbox: Latest<WatchStatus>): void {
    const mailboxes = this.#byName.get(name);
    if (mailboxes?.delete(mailbox) !== true) return;
    this.#count -= 1;
    if (mailboxes.size === 0) this.#byName.delete(name);
  }
}
