/**
 * A text with `${...}` in it, before the values are known: where it is a URL, and what could stand in it.
 *
 *     redis://app:${PASSWORD}@${HOST}:6379/0
 *             [  user info  ]
 *
 * A file can be validated without its environment. A placeholder then stands for a value that is missing: a text that
 * passes the rules of syntax at its place.
 *
 *     tcp://${HOST}:${PORT}        1 and 1
 *     tcp://${ADDRESS}             1:1
 *     http://[${ADDRESS}]:80/      ::1
 *     unix://${PATH}               /1
 *     anything else                1
 */

export const REFERENCE = /\$(?:\$|\{([^{}]*)\}|)/g;

/** The references in a text as errors name them, without their defaults. A dollar sign alone is one too. */
export function referencesIn(template: string): readonly string[] {
  const references = [...template.matchAll(REFERENCE)].map(([reference]) => reference.replace(/:-[\s\S]*\}$/, "}"));
  return [...new Set(references)];
}

/** The user info of a URL, without its `@`; `undefined` if the template has none. */
export function userInfoOf(template: string): { readonly start: number; readonly end: number } | undefined {
  const [, before = "", userInfo] = /^(\s*[a-z][a-z0-9+.-]*:\/\/)([^/?#\\]*)@/i.exec(withoutReferences(template)) ?? [];
  return userInfo === undefined ? undefined : { start: before.length, end: before.length + userInfo.length };
}

/** Whether nothing can be said about a value with a placeholder. Of a URL with a scheme, the other parts can be checked. */
export function isUnknown(template: string, isUrl: boolean): boolean {
  return !isUrl || !/^\s*[a-z][a-z0-9+.-]*:/i.test(template);
}

/** The placeholder for the reference at a position of a template. */
export function placeholderFor(template: string, at: number, length: number): string {
  const before = withoutReferences(template.slice(0, at));
  const after = withoutReferences(template.slice(at + length));
  if (/^\s*unix:(?:\/\/)?$/i.test(before)) return "/1";
  if (before.endsWith("[") && after.startsWith("]")) return "::1";
  const isHost = /:\/\/(?:[^/?#]*@)?$/.test(before);
  return isHost && /^(?:[/?#]|$)/.test(after) ? "1:1" : "1";
}

/** A text of the same length in which each reference is letters. */
function withoutReferences(template: string): string {
  return template.replace(REFERENCE, (reference) => "x".repeat(reference.length));
}
