/**
 * The building blocks of the schema: kinds of values with the errors that they give.
 *
 * An error says what was found and what would be right. It never has a whole text that is long.
 */
import * as v from "valibot";
import { DURATION_FORM, isDuration } from "../core/duration.js";

export const duration = (description: string) =>
  v.pipe(
    v.string(({ input }) => notADuration(input)),
    v.regex(DURATION_FORM, ({ input }) => notADuration(input)),
    v.check(isDuration, ({ input }) => notADuration(input)),
    v.description(description),
  );

function notADuration(input: unknown): string {
  // a number is the text that was written by now
  if (/^\d+(?:\.\d+)?$/.test(String(input))) return `${input} has no unit (try ${input}s, 500ms, 1m)`;
  return `${typeof input === "number" ? input : shown(input)} is not a duration (try 5s, 500ms, 1m)`;
}

const TEXT = v.string(({ input }) => `must be text, not ${kindOf(input)}`);

export const text = (description: string) => v.pipe(TEXT, v.nonEmpty("must not be empty"), v.description(description));

/** A text that may be empty: a variable of the environment that says nothing. */
export const textOrNone = (description: string) => v.pipe(TEXT, v.description(description));

/** A text that is a URL: see `isUrlSchema`. */
export const url = (description: string) => v.pipe(text(description), v.metadata(URL_METADATA));

export const URL_METADATA = { isUrl: true } as const;

/** Whether a value is a URL, so that what `${...}` inserts into its user info is percent-encoded. */
export function isUrlSchema(schema: v.GenericSchema): boolean {
  return Object.hasOwn(v.getMetadata(schema), "isUrl");
}

/** A program with its arguments: one text would be split by a shell, and there is none. */
export const command = (description: string) =>
  v.pipe(
    v.array(text("one"), ({ input }) => `must be a list of texts, not ${kindOf(input)}`),
    v.description(description),
  );

/** A list. One item can stand for a list of one. */
export const listOf = <Item extends v.GenericSchema>(item: Item, refusal: (input: unknown) => string) => {
  const items = v.array(item, ({ input }) => refusal(input));
  const one = v.pipe(
    item,
    v.transform((input: v.InferOutput<Item>): v.InferOutput<Item>[] => [input]),
  );
  return choice(v.union([items, one]), (input) => (isScalar(input) ? one : items));
};

export const texts = (description: string) =>
  v.pipe(
    listOf(text("one"), (input) => `must be a list of texts, not ${kindOf(input)}`),
    v.description(description),
  );

export const switchValue = (description: string) =>
  v.pipe(
    v.boolean(({ input }) => `must be true or false; got ${shown(input)}`),
    v.description(description),
  );

export const oneOf = <const Word extends string>(words: readonly Word[], description: string) =>
  v.pipe(
    v.picklist(
      words,
      ({ input }) => `must be ${words.length === 1 ? "" : "one of "}${words.join(", ")}; got ${shown(input)}`,
    ),
    v.description(description),
  );

const notACount = ({ input }: { readonly input: unknown }) => `must be a whole number from 1 on; got ${shown(input)}`;

export const count = (description: string) =>
  v.pipe(
    v.number(notACount),
    v.integer(notACount),
    v.minValue(1, notACount),
    v.maxValue(Number.MAX_SAFE_INTEGER, notACount),
    v.description(description),
  );

const notAShare = ({ input }: { readonly input: unknown }) => `must be a share from 0 to 1; got ${shown(input)}`;

export const share = (description: string) =>
  v.pipe(v.number(notAShare), v.minValue(0, notAShare), v.maxValue(1, notAShare), v.description(description));

/** One of several kinds of value. `pick` decides by a value which kind was meant: the errors are those of that kind. */
export const choice = <Union extends v.GenericSchema>(union: Union, pick: (input: unknown) => v.GenericSchema) =>
  // what is picked is a member of the union; without a value (for the JSON Schema) it is the union itself
  v.lazy((input) => (input === undefined ? union : pick(input)) as Union);

/** To JavaScript a list is an object with numbers as keys. Here it is a mistake. */
const noList = <Schema extends v.GenericSchema>(schema: Schema) => {
  const refusal = v.never(({ input }) => `must be a table, not ${kindOf(input)}`);
  return choice(schema, (input) => (Array.isArray(input) ? refusal : schema));
};

/** A table, or its URL alone. `what` is the thing that the table describes, such as "check". */
export const urlOr = <Table extends v.GenericSchema>(described: Table, what: string) => {
  const alone = v.pipe(
    v.string(({ input }) => `must be a URL or a table; got ${shown(input)}`),
    v.nonEmpty("must not be empty"),
    v.description(`A URL is a whole ${what}.`),
    v.metadata(URL_METADATA),
  );
  return choice(v.union([alone, described]), (input) => (isTable(input) ? described : alone));
};

export const table = <Value extends v.GenericSchema>(value: Value, description: string) =>
  noList(
    v.pipe(
      v.record(v.string(), value, ({ input }) => `must be a table of names, not ${kindOf(input)}`),
      v.description(description),
    ),
  );

export const group = <Entries extends v.ObjectEntries>(entries: Entries, description: string) =>
  noList(
    v.pipe(
      v.strictObject(entries, ({ input }) => `must be a table, not ${kindOf(input)}`),
      v.description(description),
    ),
  );

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

export function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as an error shows it: short, and on one line. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "a table"
    : `${typeof value === "boolean" ? "" : "the "}${typeof value} ${shown(value)}`.trim();
}
