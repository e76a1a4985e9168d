/**
 * HTML as text that is safe by default: what a template inserts is escaped, unless it is HTML itself.
 *
 *     html`<a href="${url}">${name}</a>`    name "<b>" --> &lt;b&gt;
 *     html`<ul>${rows}</ul>`                rows of Html --> as they are
 *
 * Every attribute must stand in double quotes. Marks of text direction and control characters are written as `\uXXXX`:
 * names come from targets and files, and must not change the order in which a line is read.
 */
import { printable } from "../../../core/printable.js";

/** What a template can insert. */
export type HtmlValue = string | number | Html | undefined | readonly Html[];

/** Text that is HTML. Only the template function below makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** The tag of templates of HTML. */
export function html(texts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = texts[0] ?? "";
  for (const [index, value] of values.entries()) text += textOf(value) + (texts[index + 1] ?? "");
  return new Html(text);
}

function textOf(value: HtmlValue): string {
  if (value === undefined) return "";
  if (typeof value === "string") return escapeHtml(printable(value));
  if (typeof value === "number") return String(value);
  return value instanceof Html ? value.text : value.join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const UNSAFE = /[&<>"']/;

function escapeHtml(text: string): string {
  return UNSAFE.test(text) ? text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "") : text;
}
