/**
 * Whether a YAML text is nested too deeply for its parser, which calls itself for each level.
 *
 * A text with thousands of levels does not only end in a RangeError: V8 ends the process when a regular expression is compiled
 * at the end of the stack. So the levels are counted before.
 */

/** The lexer of the package `yaml`, which does not call itself for `[` and `{`. */
export interface YamlLexer {
  readonly Lexer: new () => { lex(text: string): Iterable<string> };
  readonly CST: { tokenType(lexeme: string): string | null };
}

export function isDeepYaml(text: string, maxDepth: number, { Lexer, CST }: YamlLexer): boolean {
  if (deepBlocks(maxDepth).test(text)) return true;
  let depth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    if (type === "flow-seq-start" || type === "flow-map-start") depth += 1;
    else if (type === "flow-seq-end" || type === "flow-map-end") depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Levels by indentation, and those of one line: `- - -`, `? ? ?`, and properties, which the lexer reads in the same way. */
function deepBlocks(maxDepth: number): RegExp {
  return new RegExp(`^[ \\t]{${2 * maxDepth}}|(?<=^|[ \\t])(?:[-?:&!]\\S*[ \\t]+){${maxDepth}}`, "m");
}
