/**
 * What is wrong with the syntax of a YAML text, in our own words. The parser's words are for people who know how it works
 * inside: "Flow map in block collection must be sufficiently indented and end with a }".
 */
import { CST, type ErrorCode, Lexer } from "yaml";
import { isDeepYaml } from "../core/yaml-depth.js";

/** The limit of the parser is higher: a longer key is refused here. */
export const MAX_KEY_CHARACTERS = 1_000;

export const MAX_DEPTH = 100;

export const TOO_DEEP = `values are nested too deeply; the limit is ${MAX_DEPTH} levels`;

/** Up to here, the parser reads a text, so that the fault is at its place. */
const MAX_PARSER_DEPTH = 300;

/** @throws RangeError for a text that the parser must not get */
export function requireShallow(text: string): void {
  if (isDeepYaml(text, MAX_PARSER_DEPTH, { CST, Lexer })) throw new RangeError(TOO_DEEP);
}

export const LONG_KEY = `a key must have at most ${MAX_KEY_CHARACTERS} characters`;

const QUOTES = "a text with special characters must be in quotes";

const TEXTS: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*NAME) cannot have an anchor or a tag",
  BAD_ALIAS: "an anchor (&NAME) and an alias (*NAME) need a name, which does not end with a colon",
  BAD_COLLECTION_TYPE: "this tag does not belong to this kind of value",
  BAD_DIRECTIVE: "a line that begins with % is a directive: %YAML has a version, %TAG a handle and a prefix",
  BAD_DQ_ESCAPE: "unknown escape sequence; in double quotes write \\\\ for a backslash, or use single quotes",
  BAD_INDENT: "wrong indentation: all keys of a table, and all items of a list, begin at the same column",
  BAD_PROP_ORDER: "an anchor or a tag comes after the -, ? or :",
  BAD_SCALAR_START: "a text that begins with this character must be in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a text with a colon and a space must be in quotes; a table begins on a line of its own",
  BLOCK_IN_FLOW:
    "inside { } and [ ], a table is written { KEY: VALUE }, a list [ITEM], and a text with a colon in quotes",
  DUPLICATE_KEY: "keys must be unique",
  IMPOSSIBLE: QUOTES,
  KEY_OVER_1024_CHARS: LONG_KEY,
  MISSING_CHAR: "something is missing here: a colon, a comma, a quote or a space",
  MULTILINE_IMPLICIT_KEY: "a key must be on one line, with a colon after it",
  MULTIPLE_ANCHORS: "a value can have one anchor (&NAME) only",
  MULTIPLE_DOCS: "a file is one document; a second one begins here (---)",
  MULTIPLE_TAGS: "a value can have one tag only",
  NON_STRING_KEY: "a key must be text",
  RESOURCE_EXHAUSTION: TOO_DEEP,
  TAB_AS_INDENT: "a tab cannot indent a line; use spaces",
  TAG_RESOLVE_FAILED: "the value does not have the type of its tag",
  UNEXPECTED_TOKEN: `unexpected text; ${QUOTES}`,
};

/** Kinds of one code that need different advice. The parser's message tells them apart; it is not shown. */
const KINDS: readonly (readonly [message: RegExp, text: string])[] = [
  [/call stack/, TOO_DEEP],
  [/end with a \]/, "this list is not closed: ] is missing"],
  [/end with a \}/, "this table is not closed: } is missing"],
  [/^Missing closing "/, 'this text is not closed: " is missing'],
  [/^Missing closing '/, "this text is not closed: ' is missing"],
  [/^Missing , between|^Missing , or :/, "a comma is missing between two items"],
  [/^Missing space after :/, "a colon needs a space after it"],
  [/must be followed by|need to be followed by/, "a key needs a colon and a space after it"],
  [/^Comments must be/, "a comment needs a space before its #"],
  [/without - indicator/, "each item of this list begins with a dash and a space"],
  [/separated from the next token/, "an anchor or a tag needs a space after it"],
  [/start on same line/, "a table or list begins on the line after ---"],
  [/directives-end/, "a document with directives begins with a line of ---"],
  [/Unexpected , in|empty item/, "an item is missing before this comma"],
  [/Unexpected (?:flow-seq-end|\]|flow-map-end|\})/, "there is no open bracket for this one"],
  [/Unexpected block-seq-ind/, "a list begins on the line after its key, or is written [ITEM, ITEM]"],
  [/Unexpected .* at node end/, `unexpected text after a value: the indentation is wrong, or ${QUOTES}`],
  [/Block scalar header/, "after | or > only a comment can follow on this line"],
  [/Plain value cannot start with .* directive/, TEXTS.BAD_SCALAR_START],
];

/** The text for an error of the parser. */
export function syntaxFault(code: ErrorCode, message: string): string {
  return KINDS.find(([kind]) => kind.test(message))?.[1] ?? TEXTS[code] ?? TEXTS.UNEXPECTED_TOKEN;
}

/** Tags of the types that YAML itself has, which every other text has without a tag too. */
const CORE_TAG = /^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/;

/** What is wrong with the tag of a value; `undefined` for a tag that is taken. */
export function tagFault(tag: string | undefined): string | undefined {
  return tag === undefined || CORE_TAG.test(tag) ? undefined : "this tag is not supported; remove it";
}
