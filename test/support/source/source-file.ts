/** One source, read once for all rules. */
import { type Import, importsIn } from "./imports.js";
import { is, type Token, tokensOf } from "./tokens.js";

export class SourceFile {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly text: string;
  #tokens: readonly Token[] | undefined;
  #imports: readonly Import[] | undefined;
  #types: readonly string[] | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** @throws Error for text that is not understood */
  get tokens(): readonly Token[] {
    this.#tokens ??= tokensOf(this.text);
    return this.#tokens;
  }

  /** @throws Error for a form of import that is not understood */
  get imports(): readonly Import[] {
    this.#imports ??= importsIn(this.tokens);
    return this.#imports;
  }

  /** Names of the types that it declares. */
  get types(): readonly string[] {
    this.#types ??= typesIn(this.tokens);
    return this.#types;
  }
}

function typesIn(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap((token, index) => {
    const name = tokens[index + 1];
    const isDeclared = is(token, "interface", "class") || (is(token, "type") && is(tokens[index + 2], "=", "<"));
    return isDeclared && name?.kind === "word" && !is(tokens[index - 1], ".") && name.text !== "extends"
      ? [name.text]
      : [];
  });
}
