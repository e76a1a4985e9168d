/**
 * Removes secrets from error texts: every text that `${...}` was replaced with may be one.
 *
 *     piece        in an error as                          because
 *     hunter2      hunter2                                 the whole value is shown
 *     two\nlines   two\\nlines                             values are shown as JSON
 *     24 and more  the first 24, up to a quote             long values are cut
 *     1 to 3       these letters, in a value with ${...}   in other texts they can be part of a word
 *
 * A text is read once, however many pieces there are: at each position, only pieces that start with the same letters are
 * compared, and of all pieces with one length only one lookup is made.
 */
const MIN_SECRET_CHARACTERS = 4;

/** Errors cut long values. A longer secret than this may be in an error in part. */
const MAX_UNCUT_CHARACTERS = 24;

export class Redactor {
  readonly #long = new PieceSet();
  readonly #all = new PieceSet();

  constructor(pieces: Iterable<string>) {
    for (const piece of pieces) {
      for (const form of new Set([piece, JSON.stringify(piece).slice(1, -1)])) {
        this.#all.add(form);
        if (piece.length >= MIN_SECRET_CHARACTERS) this.#long.add(form);
      }
    }
  }

  /** @param isSubstituted whether the text is about a value that contained `${...}` */
  redact(text: string, isSubstituted: boolean): string {
    const pieces = isSubstituted ? this.#all : this.#long;
    let redacted = "";
    let copied = 0;
    for (let at = 0; at < text.length; ) {
      const end = pieces.endOfMatch(text, at);
      if (end === undefined) {
        at += 1;
        continue;
      }
      redacted += `${text.slice(copied, at)}***`;
      at = end;
      copied = end;
    }
    return redacted + text.slice(copied);
  }
}

class PieceSet {
  /** The first letters of each piece, as many as `MIN_SECRET_CHARACTERS` or fewer. */
  readonly #beginnings = new Set<string>();
  readonly #pieces = new Set<string>();
  /** In descending order: the longest piece matches. */
  #lengths: readonly number[] = [];

  add(piece: string): void {
    const shown = piece.slice(0, MAX_UNCUT_CHARACTERS + 1);
    this.#pieces.add(shown);
    this.#beginnings.add(shown.slice(0, MIN_SECRET_CHARACTERS));
    if (this.#lengths.includes(shown.length)) return;
    this.#lengths = [...this.#lengths, shown.length].sort((one, other) => other - one);
  }

  /** The end of the piece that the text has at a position. */
  endOfMatch(text: string, at: number): number | undefined {
    if (!this.#mayMatch(text, at)) return undefined;
    const length = this.#lengths.find((each) => this.#pieces.has(text.slice(at, at + each)));
    if (length === undefined) return undefined;
    if (length <= MAX_UNCUT_CHARACTERS) return at + length;
    const quote = text.indexOf('"', at + length);
    return quote === -1 ? text.length : quote;
  }

  #mayMatch(text: string, at: number): boolean {
    const shortest = this.#lengths.at(-1) ?? Number.POSITIVE_INFINITY;
    for (let length = MIN_SECRET_CHARACTERS; length >= Math.min(shortest, MIN_SECRET_CHARACTERS); length -= 1)
      if (this.#beginnings.has(text.slice(at, at + length))) return true;
    return false;
  }
}
