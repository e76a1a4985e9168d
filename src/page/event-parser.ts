/**
 * Reads Server-Sent Events (HTML Standard, section 9.2) out of the pieces in which they arrive.
 *
 *     "id: a-57\nevent: trans" + "ition\ndata: {}\n\n: heartbeat\n\n"  -->  { type: "transition", id: "a-57", data: "{}" }
 *
 * `EventSource` hides comments and the code of an answer. The page needs both: a heartbeat shows that the connection is
 * alive, and 401 or 503 says why there is none.
 */

/** One event of `/events`, as it was sent. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  /** The ID to continue from; `""` when there is none, `undefined` when the event does not change it. */
  readonly id: string | undefined;
}

export class EventParser {
  /** The start of a line whose end has not arrived. */
  #rest = "";
  #type = "";
  #data = "";
  #id: string | undefined;

  /** The events that end in this piece. The server ends lines with `\n` alone. */
  *push(text: string): IterableIterator<ServerEvent> {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") yield* this.#take();
      else this.#readField(line);
    }
  }

  #readField(line: string): void {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("event:")) this.#type = value;
    else if (line.startsWith("data:")) this.#data = value;
    else if (line.startsWith("id:")) this.#id = value;
  }

  *#take(): IterableIterator<ServerEvent> {
    const [type, data, id] = [this.#type, this.#data, this.#id];
    [this.#type, this.#data, this.#id] = ["", "", undefined];
    if (type !== "" && data !== "") yield { type, data, id };
  }
}
