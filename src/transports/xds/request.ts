/**
 * Requests of xDS, with their names left as bytes.
 *
 *     DiscoveryRequest --+--> node, type, nonce, error: decoded
 *                        '--> resource_names, one after the other: bytes --the same as before: an ACK--> nothing to decode
 *
 * A client repeats all of its names in each ACK. 500 clients of 1,000 services would cost seconds, if each were decoded.
 */
import { decodeMessage, type MessageOf } from "../../wire/message-table.js";
import { readField } from "../../wire/protobuf.js";
import { DISCOVERY_REQUEST } from "./messages.js";

/** A request whose names are not decoded yet. */
export interface DiscoveryRequest extends Omit<MessageOf<typeof DISCOVERY_REQUEST>, "resourceNames"> {
  readonly names: NameList;
}

/** The tag of `resource_names`: field 3, length-delimited. */
const NAME_TAG = DISCOVERY_REQUEST.resourceNames.number * 8 + 2;

/** The names of a request. */
export class NameList {
  /** How many there are. */
  readonly length: number;
  /** The fields `resource_names`. */
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, length: number) {
    this.#bytes = bytes;
    this.length = length;
  }

  isSame(other: NameList): boolean {
    return this.#bytes.equals(other.#bytes);
  }

  /** The names; `undefined` when one is not valid UTF-8. */
  decode(): readonly string[] | undefined {
    return decodeMessage(DISCOVERY_REQUEST, this.#bytes)?.resourceNames;
  }

  /** The same list without the rest of the message, which may be kept. */
  copy(): NameList {
    return new NameList(Buffer.from(this.#bytes), this.length);
  }
}

/** Reads a request; `undefined` for bytes that are none. The names are not checked before they are decoded. */
export function readRequest(message: Buffer): DiscoveryRequest | undefined {
  const [names, rest]: [Buffer[], Buffer[]] = [[], []];
  let count = 0;
  for (let at = 0, start = 0; at < message.length; start = at) {
    let isName = false;
    for (; message[at] === NAME_TAG; count += 1) {
      const end = endOfName(message, at);
      if (end === undefined) return undefined;
      isName = true;
      at = end;
    }
    if (isName) names.push(message.subarray(start, at));
    else {
      const field = readField(message, at);
      if (field === undefined) return undefined;
      at = field.end;
      rest.push(message.subarray(start, at));
    }
  }
  const decoded = decodeMessage(DISCOVERY_REQUEST, joined(rest));
  return decoded && { ...decoded, names: new NameList(joined(names), count) };
}

/** Most names are shorter than 128 bytes. */
function endOfName(message: Buffer, at: number): number | undefined {
  const length = message[at + 1] ?? 0x80;
  const end = length < 0x80 ? at + 2 + length : readField(message, at)?.end;
  return end === undefined || end > message.length ? undefined : end;
}

function joined(parts: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0)] = parts;
  return parts.length > 1 ? Buffer.concat(parts) : first;
}
