/**
 * The content of an HTTP response: its content coding is decoded, and its characters are read.
 *
 *     body --> content coding: gzip, deflate, br; one of them --> BOM, or charset of content-type --> text
 *                 '--> the first bytes up to the limit: a body of 64 KiB that stands for gigabytes costs no more
 *
 * Requests ask for `identity`. Some servers encode the body nevertheless.
 */
import type { Transform } from "node:stream";
import {
  type BrotliOptions,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type ZlibOptions,
} from "node:zlib";
import { membersOf, transferCodingsOf } from "./http-head.js";
import { BoundedBytes, type HttpResponse } from "./http-response.js";

/** A response whose body is as the server meant it, or a text that says why it cannot be read. */
export interface HttpContent extends HttpResponse {
  readonly bodyFault?: string;
}

/** Decodes the content coding. The limit is the same as for the body: the decoded bytes count. */
export async function decodeContent(response: HttpResponse, maxBytes: number): Promise<HttpContent> {
  const codings = codingsOf(response);
  const [coding = ""] = codings;
  if (codings.length === 0 || response.body.length === 0) return response;
  const bodyFault = `the body cannot be decoded: its content coding is ${codings.join(", ").slice(0, 100)}`;
  if (codings.length > 1) return { ...response, bodyFault };
  const decoder = decoderOf(coding, response);
  if (decoder === undefined) return { ...response, bodyFault };
  const decoded = new BoundedBytes(maxBytes + 1);
  const isComplete = await run(decoder, response.body, decoded);
  if (isComplete === undefined) return { ...response, bodyFault: `the body is not valid ${coding}` };
  const isCut = response.isCut || decoded.bytes.length > maxBytes;
  return { ...response, body: decoded.bytes.subarray(0, maxBytes), isCut };
}

/** Values that stand for no coding. Some servers send `none`, which curl accepts too. */
const NO_CODINGS: readonly string[] = ["identity", "none"];

/** The codings of a body in the order in which they were applied. */
function codingsOf({ headers }: HttpResponse): readonly string[] {
  const coding = headers.get("content-encoding");
  const content = coding === undefined ? [] : membersOf(coding).filter((each) => !NO_CODINGS.includes(each));
  return [...content, ...transferCodingsOf(headers).filter((each) => each !== "chunked")];
}

function decoderOf(coding: string, { body, isCut }: HttpResponse): Transform | undefined {
  // the end of a body that was cut is missing
  const zlib: ZlibOptions = isCut ? { finishFlush: constants.Z_SYNC_FLUSH } : {};
  const brotli: BrotliOptions = isCut ? { finishFlush: constants.BROTLI_OPERATION_FLUSH } : {};
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return createGunzip(zlib);
    case "deflate":
      return isZlib(body) ? createInflate(zlib) : createInflateRaw(zlib);
    case "br":
      return createBrotliDecompress(brotli);
    default:
      return undefined;
  }
}

/** `deflate` means zlib's format. Some servers send the bare stream (RFC 9110, section 8.4.1.2). */
function isZlib(body: Buffer): boolean {
  const [first = 0, second = 0] = body;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}

/** Decodes until the end or the limit; `undefined` for a body that is not valid. */
function run(decoder: Transform, body: Buffer, decoded: BoundedBytes): Promise<true | undefined> {
  return new Promise((resolve) => {
    const finish = (isValid: true | undefined) => {
      resolve(isValid);
      decoder.destroy();
    };
    decoder.on("data", (part: Buffer) => {
      decoded.add(part);
      if (decoded.isFull) finish(true);
    });
    decoder.once("end", () => finish(true)).on("error", () => finish(undefined));
    decoder.end(body);
  });
}

const UTF_8 = new TextDecoder();

/** The text of a body: a byte order mark decides, else the charset of `content-type`, else UTF-8. */
export function textOf({ body, headers }: Pick<HttpResponse, "body" | "headers">): string {
  const label = charsetOf(headers.get("content-type"));
  // `TextDecoder` removes a byte order mark only if it is of its own encoding
  const marked =
    body[0] === 0xff && body[1] === 0xfe ? "utf-16le" : body[0] === 0xfe && body[1] === 0xff ? "utf-16be" : label;
  const isUtf8 = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  const decoder = isUtf8 || marked === undefined ? UTF_8 : decoderOfCharset(marked);
  const text = decoder.decode(body);
  return decoder.encoding === "windows-1252"
    ? text.replace(C1, (control) => WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80))
    : text;
}

/** The charset parameter; `undefined` for UTF-8 and for none. */
function charsetOf(contentType: string | undefined): string | undefined {
  const [, quoted, plain] = /;[ \t]*charset=(?:"([^"\\]*)"|([^\s;"]*))/i.exec(contentType ?? "") ?? [];
  const label = (quoted ?? plain)?.toLowerCase();
  return label === "utf-8" ? undefined : label;
}

/** An unknown charset, or one that a Node without ICU does not have, is read as UTF-8. */
function decoderOfCharset(label: string): { readonly encoding: string; decode(bytes: Uint8Array): string } {
  try {
    return new TextDecoder(label);
  } catch {
    return UTF_8;
  }
}

/** Node 20 decodes windows-1252, which is also what ISO-8859-1 means on the web, as latin1 (nodejs/node#56542). */
const C1 = /[\x80-\x9f]/g;
const WINDOWS_1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
