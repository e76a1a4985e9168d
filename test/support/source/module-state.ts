/**
 * State that lives as long as the module: what a source declares at its top level and could change later.
 *
 * Decided from the text alone:
 *   - no `let` and no `var`, no static field of a class that is not a constant literal;
 *   - `new` only of the classes in `CONSTANT_CLASSES`, and a Map or Set only under a readonly type;
 *   - an array or object literal only under a readonly type, `as const` or `Object.freeze`;
 *   - no buffer to be written to, no call of a function that creates a stateful object or that another package exports;
 *   - no code of a function writes to a top-level name, and none uses the position of a regular expression.
 */
import {
  classBodies,
  type FunctionBody,
  findFrom,
  functionsOf,
  markFunctionCode,
  type Variable,
  variablesOf,
} from "./declarations.js";
import { ReadonlyTypes } from "./readonly-types.js";
import type { SourceFile } from "./source-file.js";
import { closingOf, is, type Token } from "./tokens.js";

/** These have no state, or only what is put into them while the module is loaded: the rule on writes holds that. */
const CONSTANT_CLASSES = ["RegExp", "URL", "TextDecoder", "TextEncoder", "BlockList", "Map", "Set"].concat([
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
]);
const COLLECTIONS: readonly string[] = ["Map", "Set"];

/** Methods of built-in objects that change them. */
const MUTATORS =
  /^(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|write\w*|swap\d+|addSubnet|addAddress|addRange)$/;
const ASSIGNMENTS = [
  "=",
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
  "**=",
  "&=",
  "|=",
  "^=",
  "<<=",
  ">>=",
  ">>>=",
  "&&=",
  "||=",
  "??=",
];

/** Methods whose result is a new array, or an object that the caller may change. */
const ARRAY_MAKERS = /^(?:map|filter|flatMap|sort|toSorted|reverse|toReversed|slice|concat|split)$/;

/** A function of this name creates something that lives: see the naming rules of the project. */
const FACTORY_NAME = /^(?:create|open|start)[A-Z]/;

/** Packages whose calls return constants. */
const PURE_PACKAGES = ["valibot"];

export class ModuleState {
  readonly #types: ReadonlyTypes;
  readonly #stateful: ReadonlySet<string>;

  /** @param sources all files, since a name may be declared in another one */
  constructor(sources: readonly SourceFile[]) {
    const all = sources.map(({ tokens }) => tokens);
    this.#types = new ReadonlyTypes(all);
    this.#stateful = statefulFunctions(all);
  }

  /** Everything in a file that is state, or that could be. */
  faultsOf({ tokens }: SourceFile): readonly string[] {
    const inFunction = markFunctionCode(tokens);
    const variables = variablesOf(tokens);
    const faults = variables.flatMap((variable) => this.#faultsOfVariable(tokens, inFunction, variable));
    return [...faults, ...writesTo(tokens, inFunction, variables), ...staticFields(tokens)];
  }

  #faultsOfVariable(tokens: readonly Token[], inFunction: readonly boolean[], variable: Variable): readonly string[] {
    const { keyword, names, start, end, line } = variable;
    const name = names.join(", ");
    if (keyword !== "const") return [`line ${line}: ${keyword} ${name} can be assigned to`];
    const faults: string[] = [];
    for (let index = start; index < end; index += 1) {
      if (inFunction[index]) continue;
      const fault = this.#faultAt(tokens, index, variable);
      if (fault !== undefined) faults.push(`line ${line}: ${name} ${fault}`);
    }
    if (isMutableLiteral(tokens.slice(start, end)) && !this.#types.has(variable.type))
      faults.push(`line ${line}: ${name} needs a readonly type, as const or Object.freeze`);
    return faults;
  }

  #faultAt(tokens: readonly Token[], index: number, { type }: Variable): string | undefined {
    const [token, next] = tokens.slice(index, index + 2);
    if (is(token, "new")) return this.#faultOfNew(next?.text ?? "", type);
    if (is(token, ")", "}") && is(next, "(")) return "calls a function in place, which could keep state";
    if (token?.kind !== "word" || !is(next, "(") || is(tokens[index - 1], "new")) return undefined;
    const isConstantSize = is(tokens[index + 3], ")") && tokens[index + 2]?.text === "0";
    if (/^alloc/.test(token.text) && !isConstantSize) return "is a buffer to be written to";
    const root = rootOf(tokens, index);
    const isFactory = this.#stateful.has(token.text) || FACTORY_NAME.test(token.text);
    if (root === index && isFactory && token.text !== "createRequire")
      return `calls ${token.text}(), which creates an object with state`;
    const from = importedFrom(tokens, tokens[root]?.text ?? "");
    const isForeign = from !== undefined && !from.startsWith(".") && !from.startsWith("node:");
    return isForeign && !PURE_PACKAGES.includes(from) ? `calls ${from}, whose objects could have state` : undefined;
  }

  #faultOfNew(className: string, type: readonly Token[]): string | undefined {
    if (!CONSTANT_CLASSES.includes(className)) return `is a new ${className}, which could have state`;
    if (!COLLECTIONS.includes(className)) return undefined;
    return type.some((token) => is(token, `Readonly${className}`)) ? undefined : `must be a Readonly${className}`;
  }
}

/** `[…]` or `{…}` without `as const`, or the result of a method that makes an array or an object. */
function isMutableLiteral(initializer: readonly Token[]): boolean {
  const [first] = initializer;
  if (initializer.some((token, index) => is(token, "as") && is(initializer[index + 1], "const"))) return false;
  if (is(first, "[", "{")) return true;
  const last = initializer.length - 1;
  const call = initializer.findIndex((token, index) => is(token, "(") && closingOf(initializer, index) === last) - 1;
  if (!is(initializer[call - 1], ".")) return false;
  const isOfObject = is(initializer[call - 2], "Object", "Array") && !is(initializer[call], "freeze");
  return isOfObject || ARRAY_MAKERS.test(initializer[call]?.text ?? "");
}

/** The index of the first name of `a.b.c`. */
function rootOf(tokens: readonly Token[], index: number): number {
  let root = index;
  while (is(tokens[root - 1], ".", "?.") && tokens[root - 2]?.kind === "word") root -= 2;
  return root;
}

/** The module that a name is imported from. */
function importedFrom(tokens: readonly Token[], name: string): string | undefined {
  for (const [index, token] of tokens.entries()) {
    if (!is(token, "import") || is(tokens[index + 1], "(", ".")) continue;
    const from = findFrom(tokens, index + 1, "from");
    const isNamed = tokens.slice(index + 1, from).some((each, at, all) => is(each, name) && !is(all[at + 1], "as"));
    if (isNamed) return tokens[from + 1]?.text;
  }
  return undefined;
}

/** Code of functions that writes to a top-level variable, or moves the position of a regular expression. */
function writesTo(
  tokens: readonly Token[],
  inFunction: readonly boolean[],
  variables: readonly Variable[],
): readonly string[] {
  const names = new Set(variables.flatMap((variable) => variable.names));
  const patterns = new Set(
    variables
      .filter(({ start }) => tokens[start]?.kind === "regex" && /[gy]\w*$/.test(flagsOf(tokens[start])))
      .map(({ names: [name] }) => name),
  );
  return tokens.flatMap((token, index) => {
    if (!inFunction[index] || token.kind !== "word" || !names.has(token.text)) return [];
    const isProperty = is(tokens[index + 1], ":") && is(tokens[index - 1], "{", ",");
    if (isProperty || is(tokens[index - 1], ".", "?.")) return [];
    const isWrite = isWriteAt(tokens, index) || (patterns.has(token.text) && !isHarmlessPattern(tokens, index));
    return isWrite ? [`line ${token.line}: a function changes ${token.text}`] : [];
  });
}

const flagsOf = (token: Token | undefined) => token?.text.slice(token.text.lastIndexOf("/") + 1) ?? "";

/** `NAME.a[b].c = …`, `NAME.a.push(…)`, `delete NAME.a`, `++NAME.a`, `Object.assign(NAME, …)`, `x.copy(NAME)`. */
function isWriteAt(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1];
  if (is(before, "delete", "++", "--")) return true;
  if (is(before, "(") && is(tokens[index - 2], "assign", "defineProperty", "copy", "setPrototypeOf")) return true;
  let end = index + 1;
  for (;;) {
    if (is(tokens[end], "[")) end = closingOf(tokens, end) + 1;
    else if (is(tokens[end], ".", "?.") && tokens[end + 1]?.kind === "word") end += 2;
    else break;
  }
  if (end === index + 1) return false;
  if (is(tokens[end], ...ASSIGNMENTS, "++", "--")) return true;
  return is(tokens[end], "(") && MUTATORS.test(tokens[end - 1]?.text ?? "");
}

/** These start at the beginning of the text, whatever the position was, and leave it at 0. */
function isHarmlessPattern(tokens: readonly Token[], index: number): boolean {
  return is(tokens[index - 1], "(") && is(tokens[index - 2], "matchAll", "replace", "replaceAll", "split");
}

/** Fields of classes themselves: `static readonly NAME = LITERAL` is a constant, anything else is state. */
function staticFields(tokens: readonly Token[]): readonly string[] {
  return classBodies(tokens).flatMap(({ start, end }) => {
    const faults: string[] = [];
    for (let index = start + 1; index < end; index += 1) {
      if (is(tokens[index], "(", "[", "{")) index = closingOf(tokens, index);
      else if (is(tokens[index], "static") && isStaticState(tokens, index))
        faults.push(`line ${tokens[index]?.line}: a static field or block of a class is state`);
    }
    return faults;
  });
}

function isStaticState(tokens: readonly Token[], index: number): boolean {
  if (is(tokens[index + 1], "{")) return true;
  const end = findFrom(tokens, index, ";", "=", "{", "}");
  const head = tokens.slice(index, end);
  if (head.some((token) => is(token, "("))) return false; // a method
  const value = tokens[end + 1];
  const isLiteral = value?.kind === "string" || value?.kind === "number";
  return !(
    head.some((token) => is(token, "readonly")) &&
    is(tokens[end], "=") &&
    isLiteral &&
    is(tokens[end + 2], ";")
  );
}

/** The names of the functions that return a new object with state, directly or from one another. */
function statefulFunctions(sources: readonly (readonly Token[])[]): ReadonlySet<string> {
  const bodies = sources.flatMap((tokens) => functionsOf(tokens).map((body) => ({ tokens, body })));
  const stateful = new Set<string>();
  for (let before = -1; before !== stateful.size; ) {
    before = stateful.size;
    for (const { tokens, body } of bodies) if (returnsState(tokens, body, stateful)) stateful.add(body.name);
  }
  return stateful;
}

function returnsState(tokens: readonly Token[], { start, end }: FunctionBody, stateful: ReadonlySet<string>): boolean {
  const isNew = (index: number) =>
    (is(tokens[index], "new") && !/Error$|^Promise$|^Date$/.test(tokens[index + 1]?.text ?? "")) ||
    (stateful.has(tokens[index]?.text ?? "") && is(tokens[index + 1], "("));
  const created = new Set<string>();
  for (let index = start; index <= end; index += 1) {
    if (is(tokens[index], "const") && is(tokens[index + 2], "=") && isNew(index + 3))
      created.add(tokens[index + 1]?.text ?? "");
    const isResult = is(tokens[index - 1], "return") || index === start;
    if (isResult && (isNew(index) || created.has(tokens[index]?.text ?? ""))) return true;
  }
  return false;
}
