/** What a source declares at its top level, and which of its tokens are code of functions and classes. */
import { closingOf, is, type Token } from "./tokens.js";

/** `const NAME: TYPE = INITIALIZER;` at the top level. */
export interface Variable {
  readonly keyword: "const" | "let" | "var";
  /** The declared names: several for a pattern. */
  readonly names: readonly string[];
  readonly type: readonly Token[];
  /** Indexes of the tokens of the initializer. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

const isOpening = (token: Token | undefined) => is(token, "(", "[", "{", "${");

/** The variables of the top level, in order. */
export function variablesOf(tokens: readonly Token[]): readonly Variable[] {
  const variables: Variable[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (isOpening(token)) index = closingOf(tokens, index);
    else if (is(token, "const", "let", "var") && !is(tokens[index - 1], ".", "as")) {
      const variable = variableAt(tokens, index);
      variables.push(variable);
      index = variable.end;
    }
  }
  return variables;
}

function variableAt(tokens: readonly Token[], index: number): Variable {
  const [keyword, name] = tokens.slice(index, index + 2);
  const isPattern = isOpening(name);
  const nameEnd = isPattern ? closingOf(tokens, index + 1) : index + 1;
  const equals = findFrom(tokens, nameEnd + 1, "=", ";");
  const hasType = is(tokens[nameEnd + 1], ":");
  return {
    keyword: is(keyword, "let") ? "let" : is(keyword, "var") ? "var" : "const",
    names: isPattern ? wordsOf(tokens.slice(index + 2, nameEnd)) : [name?.text ?? ""],
    type: hasType ? tokens.slice(nameEnd + 2, equals) : [],
    start: equals + 1,
    end: findFrom(tokens, equals, ";"),
    line: keyword?.line ?? 0,
  };
}

const wordsOf = (tokens: readonly Token[]) => tokens.filter(({ kind }) => kind === "word").map(({ text }) => text);

/** The first of some signs outside of any bracket, from an index on. */
export function findFrom(tokens: readonly Token[], start: number, ...signs: readonly string[]): number {
  let index = start;
  while (index < tokens.length && !is(tokens[index], ...signs)) {
    index = (isOpening(tokens[index]) ? closingOf(tokens, index) : index) + 1;
  }
  return index;
}

/** A function of the top level, with the indexes of its body. */
export interface FunctionBody {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The functions that a source declares at its top level: declarations, and constants that hold an arrow function. */
export function functionsOf(tokens: readonly Token[]): readonly FunctionBody[] {
  const bodies = functionBodies(tokens);
  const named = tokens.flatMap((token, index) => {
    if (!is(token, "function")) return [];
    const name = tokens[index + (is(tokens[index + 1], "*") ? 2 : 1)];
    const body = bodies.find(({ start }) => start > index);
    return name?.kind === "word" && body !== undefined ? [{ name: name.text, ...body }] : [];
  });
  const arrows = variablesOf(tokens).flatMap(({ names: [name = ""], start, end }) => {
    const body = bodies.find((each) => each.start >= start && each.end >= end - 1 && each.start < end);
    return body === undefined ? [] : [{ name, ...body }];
  });
  return [...named, ...arrows];
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** For each token: whether it is code of a function or of a class, which does not run when the module is loaded. */
export function markFunctionCode(tokens: readonly Token[]): readonly boolean[] {
  const marks = tokens.map(() => false);
  for (const { start, end } of [...functionBodies(tokens), ...classBodies(tokens)]) marks.fill(true, start, end + 1);
  return marks;
}

/** The bodies of all functions, methods and arrow functions, nested ones too. */
function functionBodies(tokens: readonly Token[]): readonly Range[] {
  return tokens.flatMap((token, index) => {
    if (is(token, "=>")) return arrowBody(tokens, index);
    return is(token, "(") && !isCondition(tokens, index) ? methodBody(tokens, closingOf(tokens, index)) : [];
  });
}

function arrowBody(tokens: readonly Token[], arrow: number): readonly Range[] {
  const start = arrow + 1;
  const end = is(tokens[start], "{")
    ? closingOf(tokens, start)
    : findFrom(tokens, start, ",", ";", ")", "]", "}", "=") - 1;
  return [{ start, end }];
}

/** `if (…) {`, `for (…) {` and their like have a block, not a body. */
function isCondition(tokens: readonly Token[], open: number): boolean {
  const before = tokens[open - 1];
  return is(before, "if", "for", "while", "switch", "catch") || (is(before, "await") && is(tokens[open - 2], "for"));
}

/** `(…) {` or `(…): TYPE {`. */
function methodBody(tokens: readonly Token[], close: number): readonly Range[] {
  const start = is(tokens[close + 1], ":") ? endOfReturnType(tokens, close + 2) : close + 1;
  return is(tokens[start], "{") ? [{ start, end: closingOf(tokens, start) }] : [];
}

function endOfReturnType(tokens: readonly Token[], start: number): number {
  let angles = 0;
  for (let index = start; index < tokens.length; index += 1) {
    const token = tokens[index];
    const isTypeLiteral = index === start || is(tokens[index - 1], "|", "&", "<", ",", "=>", "is", "readonly");
    if (is(token, "{") && !isTypeLiteral) return index;
    if (isOpening(token)) index = closingOf(tokens, index);
    else if (is(token, "<")) angles += 1;
    else if (is(token, ">")) angles -= 1;
    else if (is(token, ";", ")", "]", "}", "=", "?") || (is(token, ",") && angles === 0)) return index;
  }
  return tokens.length;
}

/** The bodies of classes, braces included. */
export function classBodies(tokens: readonly Token[]): readonly Range[] {
  return tokens.flatMap((token, index) => {
    if (!is(token, "class") || is(tokens[index - 1], ".") || is(tokens[index + 1], ":", ",", ")")) return [];
    const start = findFrom(tokens, index, "{");
    return start < tokens.length ? [{ start, end: closingOf(tokens, start) }] : [];
  });
}
