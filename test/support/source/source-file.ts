/** One source, read once for all rules. */
import { type Import, importsIn } from "./imports.js";
import { type Token, tokensOf } from "./tokens.js";

export class SourceFile {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly text: string;
  #tokens: readonly Token[] | undefined;
  #imports: readonly Import[] | undefined;

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
}
