/**
 * The signature of a request, as https://www.standardwebhooks.com has it: receivers verify it with a library of that
 * standard, or with ten lines of their own (docs/webhooks.md).
 *
 *     webhook-id: ID   webhook-timestamp: SECONDS   webhook-signature: v1,BASE64(HMAC-SHA256(key, "ID.SECONDS.BODY"))
 *
 * The time is that of the request, so a receiver can refuse a request that was recorded and sent again.
 */
import { createHmac } from "node:crypto";
import { OptionError } from "../core/option-error.js";

/** A shorter key can be guessed. */
const MIN_KEY_BYTES = 16;

const MS_PER_SECOND = 1_000;

/** Of a secret `whsec_...`, the rest is the key in base64; any other secret is the key itself, in UTF-8. */
const ENCODED = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

/** @throws OptionError for a secret that is too short; the secret is not shown */
export function signingKey(secret: string): Buffer {
  const [, encoded] = ENCODED.exec(secret) ?? [];
  const key = encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, "base64");
  if (key.length < MIN_KEY_BYTES) throw new OptionError(["secret"], `must have at least ${MIN_KEY_BYTES} bytes`);
  return key;
}

/** The headers that name a message and its time, with a signature where there is a key. */
export function signedHeaders(
  { id, body, sentAt }: { readonly id: string; readonly body: string; readonly sentAt: number },
  key: Buffer | undefined,
): Readonly<Record<string, string>> {
  const seconds = String(Math.floor(sentAt / MS_PER_SECOND));
  const headers = { "idempotency-key": id, "webhook-id": id, "webhook-timestamp": seconds };
  if (key === undefined) return headers;
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return { ...headers, "webhook-signature": `v1,${signature}` };
}
