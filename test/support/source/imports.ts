/**
 * Every module that a source names, in whatever form: static, re-exported, dynamic, required, as a type.
 *
 * A form that is not understood is an error. So a new way to load a module cannot pass the architecture test unseen.
 */
import { closingOf, is, type Token } from "./tokens.js";

export interface Import {
  readonly from: string;
  /**
   * `static`: loaded with the module; `dynamic` (`import()`) and `require`: loaded when the code runs that holds it;
   * `type`: removed by the compiler.
   */
  readonly kind: "static" | "dynamic" | "require" | "type";
  readonly line: number;
}

/** @throws Error for a form of import that is not understood, with its line */
export function importsIn(tokens: readonly Token[]): readonly Import[] {
  const loaders = new Set(["require", ...aliasesOfRequire(tokens)]);
  return tokens.flatMap((token, index) => {
    if (token.kind !== "word" || is(tokens[index - 1], ".", "?.")) return [];
    if (token.text === "import") return importAt(tokens, index);
    if (token.text === "export") return exportAt(tokens, index);
    if (token.text === "createRequire") return immediateRequireAt(tokens, index);
    return loaders.has(token.text) ? requireAt(tokens, index) : [];
  });
}

/** `import …` as a statement, `import(…)` as an expression, `import.meta`, and a property of that name. */
function importAt(tokens: readonly Token[], index: number): readonly Import[] {
  const next = tokens[index + 1];
  if (is(next, ".")) return []; // import.meta
  if (is(next, ":") || (is(next, "(") && is(tokens[index - 1], "{", ",", ";") && isMethod(tokens, index))) return [];
  if (is(next, "(")) return [specifierAt(tokens, index, isTypeAt(tokens, index) ? "type" : "dynamic")];
  const line = tokens[index]?.line ?? 0;
  if (next?.kind === "string") return [{ from: next.text, kind: "static", line }];
  return [fromClause(tokens, index)];
}

/** `typeof import(…)`, and `import(…).Name`: a promise has no such property. */
function isTypeAt(tokens: readonly Token[], index: number): boolean {
  const end = closingOf(tokens, index + 1);
  const isProperty = is(tokens[end + 1], ".") && !is(tokens[end + 2], "then", "catch", "finally");
  return isProperty || is(tokens[index - 1], "typeof");
}

/** `export … from`; any other export names no module. */
function exportAt(tokens: readonly Token[], index: number): readonly Import[] {
  const first = is(tokens[index + 1], "type") ? index + 2 : index + 1;
  if (is(tokens[first], "*")) return [fromClause(tokens, index)];
  if (!is(tokens[first], "{")) return [];
  return is(tokens[closingOf(tokens, first) + 1], "from") ? [fromClause(tokens, index)] : [];
}

/** `{ import(…) {` declares a method. */
function isMethod(tokens: readonly Token[], index: number): boolean {
  return is(tokens[closingOf(tokens, index + 1) + 1], "{", ":");
}

/** `import|export [type] NAMES from "x"`. A single `type` before a name, inside the braces, removes the name alone. */
function fromClause(tokens: readonly Token[], start: number): Import {
  const line = tokens[start]?.line ?? 0;
  const kind = is(tokens[start + 1], "type") && !is(tokens[start + 2], "from", ",") ? "type" : "static";
  for (let index = start + 1; index < tokens.length; index += 1) {
    const token = tokens[index];
    const source = tokens[index + 1];
    if (is(token, "{")) index = closingOf(tokens, index);
    else if (is(token, "from") && source?.kind === "string") return { from: source.text, kind, line };
    else if (!is(token, "*", ",", "as") && token?.kind !== "word") break;
  }
  throw new Error(`line ${line}: this form of ${tokens[start]?.text} is not understood`);
}

/** `(…)` with one constant string. */
function specifierAt(tokens: readonly Token[], index: number, kind: Import["kind"]): Import {
  const specifier = tokens[index + 2];
  const line = tokens[index]?.line ?? 0;
  const isConstant = specifier?.kind === "string" || specifier?.kind === "template";
  if (isConstant && is(tokens[index + 3], ")", ",")) return { from: specifier.text, kind, line };
  throw new Error(`line ${line}: ${tokens[index]?.text}() of anything but a constant string is not understood`);
}

/** The names of `require` functions: `const NAME = createRequire(…)`. */
function aliasesOfRequire(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap((token, index) => {
    if (!is(token, "createRequire") || !is(tokens[index + 1], "(")) return [];
    if (is(tokens[closingOf(tokens, index + 1) + 1], "(")) return []; // called at once
    const [keyword, name, sign] = tokens.slice(index - 3, index);
    if (is(keyword, "const") && is(sign, "=")) return name?.text ?? [];
    throw new Error(`line ${token.line}: this use of createRequire is not understood`);
  });
}

/** `require("x")`. `require.resolve` loads nothing; any other use could pass the function on. */
function requireAt(tokens: readonly Token[], index: number): readonly Import[] {
  if (is(tokens[index - 1], "const") || is(tokens[index + 1], ".")) return [];
  if (is(tokens[index + 1], "(")) return [specifierAt(tokens, index, "require")];
  throw new Error(`line ${tokens[index]?.line}: this use of ${tokens[index]?.text} is not understood`);
}

/** `createRequire(…)("x")`. */
function immediateRequireAt(tokens: readonly Token[], index: number): readonly Import[] {
  if (!is(tokens[index + 1], "(")) return [];
  const end = closingOf(tokens, index + 1);
  return is(tokens[end + 1], "(") ? [specifierAt(tokens, end, "require")] : [];
}
