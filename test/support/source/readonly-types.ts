/** Whether a type is readonly: decided from its text and from the types that the sources declare. */
import { findFrom } from "./declarations.js";
import { closingOf, is, type Token } from "./tokens.js";

/** A declared type: the types that it extends or stands for, and the members of an interface. */
interface DeclaredType {
  readonly parts: readonly (readonly Token[])[];
  readonly members: readonly Token[];
}

const PRIMITIVES = new Set([
  "string",
  "number",
  "boolean",
  "bigint",
  "symbol",
  "undefined",
  "null",
  "unknown",
  "never",
]);

/** Bytes have no readonly type: the rule on writes is for them. */
const BYTES = new Set(["Buffer", "Uint8Array", "Uint16Array", "Uint32Array"]);
const READONLY = new Set(["Readonly", "ReadonlyMap", "ReadonlySet", "ReadonlyArray"]);
const TRANSPARENT = new Set(["Pick", "Omit", "Partial", "Required", "NonNullable"]);

export class ReadonlyTypes {
  readonly #declared = new Map<string, DeclaredType[]>();

  constructor(sources: readonly (readonly Token[])[]) {
    for (const tokens of sources)
      for (const [index, token] of tokens.entries()) {
        const name = tokens[index + 1];
        if (name?.kind !== "word" || is(tokens[index - 1], ".")) continue;
        if (is(token, "interface")) this.#add(name.text, interfaceAt(tokens, index + 2));
        else if (is(token, "type") && is(tokens[index + 2], "=", "<")) this.#add(name.text, aliasAt(tokens, index + 2));
      }
  }

  has(type: readonly Token[]): boolean {
    return this.#isReadonly(type, new Set());
  }

  #add(name: string, type: DeclaredType): void {
    this.#declared.set(name, [...(this.#declared.get(name) ?? []), type]);
  }

  #isReadonly(type: readonly Token[], seen: ReadonlySet<string>): boolean {
    const parts = splitBy(type, "|", "&").filter((part) => part.length > 0);
    return parts.length > 0 && parts.every((part) => this.#isReadonlyPart(part, seen));
  }

  #isReadonlyPart(type: readonly Token[], seen: ReadonlySet<string>): boolean {
    const [first, second] = type;
    if (first === undefined) return false;
    if (first.kind === "string" || first.kind === "number" || first.kind === "template") return true;
    if (is(first, "readonly", "typeof", "keyof") || isFunctionType(type)) return true;
    if (is(first, "{")) return this.#hasReadonlyMembers(type.slice(1, closingOf(type, 0)));
    if (first.kind !== "word" || is(type.at(-1), "]")) return false;
    const { text } = first;
    if (PRIMITIVES.has(text) || BYTES.has(text) || READONLY.has(text) || seen.has(text)) return true;
    if (TRANSPARENT.has(text) && is(second, "<"))
      return this.#isReadonly(splitBy(type.slice(2, -1), ",")[0] ?? [], seen);
    const declared = this.#declared.get(text);
    const isReadonly = ({ parts, members }: DeclaredType) =>
      parts.every((part) => this.#isReadonly(part, new Set([...seen, text]))) && this.#hasReadonlyMembers(members);
    return declared?.every(isReadonly) === true;
  }

  /** Every member is `readonly`, or a method. */
  #hasReadonlyMembers(members: readonly Token[]): boolean {
    return splitBy(members, ";", ",").every((member) => {
      if (member.length === 0 || is(member[0], "readonly")) return true;
      const [, sign, after] = member;
      return is(sign, "(", "<") || (is(sign, "?") && is(after, "("));
    });
  }
}

function interfaceAt(tokens: readonly Token[], start: number): DeclaredType {
  const open = findFrom(tokens, start, "{");
  const head = tokens.slice(start, open);
  const extending = head.findIndex((token) => is(token, "extends"));
  const parts = extending === -1 ? [] : splitBy(head.slice(extending + 1), ",");
  return { parts, members: tokens.slice(open + 1, closingOf(tokens, open)) };
}

function aliasAt(tokens: readonly Token[], start: number): DeclaredType {
  const equals = findFrom(tokens, start, "=");
  return { parts: [tokens.slice(equals + 1, findFrom(tokens, equals, ";"))], members: [] };
}

function isFunctionType(type: readonly Token[]): boolean {
  return is(type[0], "(") && is(type[closingOf(type, 0) + 1], "=>");
}

/** The parts between some signs, outside of any bracket and of type arguments. */
function splitBy(tokens: readonly Token[], ...signs: readonly string[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let angles = 0;
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined) break;
    if (is(token, "<")) angles += 1;
    else if (is(token, ">")) angles -= 1;
    if (angles === 0 && is(token, ...signs)) {
      parts.push([]);
      continue;
    }
    const end = is(token, "(", "[", "{") ? closingOf(tokens, index) : index;
    parts.at(-1)?.push(...tokens.slice(index, end + 1));
    index = end;
  }
  return parts;
}
