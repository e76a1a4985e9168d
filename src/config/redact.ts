/**
 * Removes secrets from error texts: every text that `${...}` was replaced with may be one.
 *
 *     piece        in an error as                          because
 *     hunter2      hunter2                                 the whole value is shown
 *     two\nlines   two\\nlines                             values are shown as JSON
 *     a b          a%20b                                  targets are shown as URLs
 *     ab@cdef      cdef                                    what stands before an @ is shown as user info
 *     24 and more  the first 24, up to a quote             long values are cut
 *     1 to 3       these letters in quotes, or a number,   in other texts they can be part of a word
 *                  in the error of a value with ${...}
 *
 * A text is read once, however many pieces there are: at each position, only pieces that start with the same letters are
 * compared, and of all pieces with one length only one lookup is made.
 */
const MIN_SECRET_CHARACTERS = 4;

/** Errors cut long values. A longer secret than this may be in an error in part. */
const MAX_UNCUT_CHARACTERS = 24;

export class Redactor {
  readonly #long = new PieceSet();
  readonly #short = new PieceSet();

  constructor(pieces: Iterable<string>) {
    for (const piece of [...pieces].flatMap((each) => [each, afterLastAt(each)])) {
      for (const form of new Set([piece, JSON.stringify(piece).slice(1, -1), ...urlFormsOf(piece)])) {
        if (piece.length >= MIN_SECRET_CHARACTERS) this.#long.add(form);
        else if (form !== "") this.#short.add(form);
      }
    }
  }

  /** @param isSubstituted whether the text is about a value that contained `${...}` */
  redact(text: string, isSubstituted: boolean): string {
    const redacted = replaceAll(text, this.#long);
    // values are shown as JSON, durations and numbers as they are
    return isSubstituted
      ? redacted.replace(/"(?:[^"\\]|\\.)*"|\b\d\w*\b/g, (value) => replaceAll(value, this.#short))
      : redacted;
  }
}

function afterLastAt(piece: string): string {
  return piece.slice(piece.lastIndexOf("@") + 1);
}

/** How the path of a URL shows a text, in schemes of the web and in others. */
function urlFormsOf(piece: string): readonly string[] {
  return ["http://h/", "x://h/"].map((start) => new URL(`${start}${piece}`).href.slice(start.length));
}

function replaceAll(text: string, pieces: PieceSet): string {
  let replaced = "";
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const end = pieces.endOfMatch(text, at);
    if (end === undefined) {
      at += 1;
      continue;
    }
    replaced += `${text.slice(copied, at)}***`;
    at = end;
    copied = end;
  }
  return replaced + text.slice(copied);
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
