/**
 * The tokens of a TypeScript source, without comments: enough for rules about imports and module state.
 *
 * Comments, strings, templates and regular expressions are recognized, so that a rule never matches their contents. The
 * expressions inside of a template are tokens between `${` and `}`.
 */

export interface Token {
  readonly kind: "word" | "number" | "string" | "template" | "regex" | "sign";
  /** As it is written; of a string and a template the contents, without the quotation marks. */
  readonly text: string;
  readonly line: number;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/uy;
const NUMBER = /(?:0[xob][\da-f_]+|\d[\d_]*(?:\.[\d_]+)?(?:e[+-]?\d+)?|\.\d[\d_]*)n?/iy;
const SIGN =
  />>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|\+\+|--|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|\?\.|\?\?|&&|\|\||\*\*|[^\s]/uy;
const SPACE = /(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)+/y;
const STRING = /"((?:\\[\s\S]|[^"\\\n])*)"|'((?:\\[\s\S]|[^'\\\n])*)'/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const TEMPLATE_PART = /((?:\\[\s\S]|\$(?!\{)|[^`\\$])*)(`|\$\{)/y;

/** After these, a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /^(?:return|typeof|case|of|in|do|else|void|delete|await|yield|instanceof)$/;

/** @throws Error for text that is not understood, with its line */
export function tokensOf(source: string): readonly Token[] {
  return new Lexer(source).read();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  /** For each open brace: whether it was opened by `${`. */
  readonly #braces: boolean[] = [];
  #at: number;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
    this.#at = /^#!.*/.exec(source)?.[0].length ?? 0;
  }

  read(): readonly Token[] {
    for (this.#match(SPACE); this.#at < this.#source.length; this.#match(SPACE)) this.#readToken();
    if (this.#braces.length > 0) throw new Error("a brace is not closed");
    return this.#tokens;
  }

  #readToken(): void {
    const char = this.#source[this.#at] ?? "";
    if (char === '"' || char === "'") {
      const [, double, single] = this.#require(STRING, "a string");
      this.#push("string", double ?? single ?? "");
    } else if (char === "`") {
      this.#at += 1;
      this.#readTemplate();
    } else if (char === "/" && this.#mayBeRegex()) {
      this.#push("regex", this.#require(REGEX, "a regular expression")[0]);
    } else {
      this.#readPlain();
    }
  }

  #readPlain(): void {
    for (const [kind, pattern] of [
      ["word", WORD],
      ["number", NUMBER],
    ] as const) {
      const match = this.#match(pattern);
      if (match === undefined) continue;
      this.#push(kind, match[0]);
      return;
    }
    const sign = this.#require(SIGN, "a sign")[0];
    this.#push("sign", sign);
    if (sign === "{") this.#braces.push(false);
    else if (sign === "}" && this.#braces.pop() === true) this.#readTemplate();
  }

  /** Reads a template to its end or to its next expression. */
  #readTemplate(): void {
    const [, text = "", end] = this.#require(TEMPLATE_PART, "a template");
    this.#push("template", text);
    if (end !== "${") return;
    this.#braces.push(true);
    this.#push("sign", "${");
  }

  #mayBeRegex(): boolean {
    const before = this.#tokens.at(-1);
    if (before === undefined) return true;
    if (before.kind === "word") return BEFORE_REGEX.test(before.text);
    return before.kind === "sign" && !/^[)\]}]$/.test(before.text) && !/^(?:\+\+|--)$/.test(before.text);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match === null || match[0] === "") return undefined;
    this.#at += match[0].length;
    return this.#counted(match);
  }

  #require(pattern: RegExp, what: string): RegExpExecArray {
    const match = this.#match(pattern);
    if (match === undefined) throw new Error(`line ${this.#line}: ${what} is not understood`);
    return match;
  }

  #counted(match: RegExpExecArray): RegExpExecArray {
    this.#line += match[0].split("\n").length - 1;
    return match;
  }

  #push(kind: Token["kind"], text: string): void {
    this.#tokens.push({ kind, text, line: this.#line });
  }
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", "${": "}" };

/** The index of the bracket that closes the one at `open`. */
export function closingOf(tokens: readonly Token[], open: number): number {
  const expected: string[] = [];
  for (let index = open; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token?.kind !== "sign") continue;
    const closing = CLOSING[token.text];
    if (closing !== undefined) expected.push(closing);
    else if (token.text === expected.at(-1)) expected.pop();
    if (expected.length === 0) return index;
  }
  throw new Error(`line ${tokens[open]?.line}: ${tokens[open]?.text} is not closed`);
}

/** Whether a token is a sign or a word with this text. */
export function is(token: Token | undefined, ...texts: readonly string[]): boolean {
  return (token?.kind === "sign" || token?.kind === "word") && texts.includes(token.text);
}
