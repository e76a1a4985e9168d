/**
 * Finds parts of a secret in a text: every four characters of it, in each form that a program may write it in.
 *
 * The secrets of the tests have no four characters that other texts have by chance.
 */

const PART = 4;

/** Each character that something reserves, between letters that no other text has in this order. */
const RESERVED = [
  ..."#/?%@:[]{}<>|\\^`\"'~!$&()*+,;= ",
  ...["%4A", "%2F", "://", "%zz", "\u00e9", "\u5bc6", "\u{1f511}", "\t", "12/"],
];

/** The secrets that are planted. */
export const SECRETS: readonly string[] = RESERVED.map((character) =>
  ["Wq7", "Zj3", "Vx8", "Kp6"].map((word, index) => `${word}${index === 3 ? "" : character}`).join(""),
);

/** Finds the parts of all secrets in one pass over a text. */
export class Traces {
  readonly #parts = new Map<string, string>();

  constructor(secrets: readonly string[]) {
    for (const secret of secrets)
      for (const form of formsOf(secret))
        for (let at = 0; at + PART <= form.length; at += 1) this.#parts.set(form.slice(at, at + PART), secret);
  }

  /** The secrets of which a text has a part, each with the text around the first one. */
  in(text: string): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (let at = 0; at + PART <= text.length; at += 1) {
      const secret = this.#parts.get(text.slice(at, at + PART));
      if (secret !== undefined && !found.has(secret)) found.set(secret, text.slice(Math.max(0, at - 150), at + 60));
    }
    return found;
  }
}

function formsOf(secret: string): readonly string[] {
  const pair = Buffer.from(`me:${secret}`).toString("base64");
  return [
    secret,
    encodeURIComponent(secret),
    encodeURI(secret),
    JSON.stringify(secret).slice(1, -1),
    // a reader that takes each byte for a character
    Buffer.from(secret).toString("latin1"),
    Buffer.from(secret).toString("base64"),
    // the first letters are those of the user name
    pair.slice(4),
  ];
}
