/**
 * The names of header fields in HTTP/2, the same rule for requests and responses (RFC 9113, section 8.2).
 *
 * The server and the client share it, so that none of the two takes what the other refuses.
 */

/** A token in lower case (section 8.2.1; RFC 9110, section 5.6.2). */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Fields of one connection of HTTP/1 (section 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a regular field may have this name. Pseudo-fields are not regular ones. */
export function isFieldName(name: string): boolean {
  return FIELD_NAME.test(name) && !CONNECTION_FIELDS.has(name);
}
