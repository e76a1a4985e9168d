/**
 * The store as a member of the next version sees it: its records have format 2, whose content is not that of format 1.
 *
 *     member of version 1 ------------------------------- store: format 1 and 2
 *     member of version 2 -- OtherFormat: 1 <-> 2 ---------'
 *
 * The code of both members is the same. What is stable in all formats is written here again, apart from the codec: the
 * envelope with its signature, and the fields of a beat that each version reads.
 */
import { createHmac, hkdfSync } from "node:crypto";
import type {
  FleetStore,
  HeardBeats,
  LogEntry,
  LogPage,
  LogPosition,
  Run,
  StoredCells,
} from "../../src/fleet/store/store.js";

type RecordKind = "beat" | "cell" | "head" | "config";

const place = (run: Run, check = ""): string => `${run.length} ${run}${check}`;

export class OtherFormat implements FleetStore {
  readonly #store: FleetStore;
  readonly #key: Buffer;

  constructor(store: FleetStore, fleet: string, secret: string) {
    this.#store = store;
    this.#key = Buffer.from(hkdfSync("sha256", secret, fleet, "healthbridge fleet: signatures", 32));
  }

  async beat(run: Run, beat: string): Promise<HeardBeats> {
    const heard = await this.#store.beat(run, this.#other("beat", place(run), beat));
    const beats = new Map(Array.from(heard.beats, ([each, text]) => [each, this.#other("beat", place(each), text)]));
    return { ...heard, beats, head: this.#headOf(run, heard.head) };
  }

  async write(entry: LogEntry): Promise<string | undefined> {
    return this.#headOf(entry.run, await this.#store.write(this.#entry(entry)));
  }

  rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): Promise<void> {
    return this.#store.rewrite(run, this.#other("head", place(run), head), this.#cells(run, cells));
  }

  async read(position: LogPosition): Promise<LogPage> {
    const page = await this.#store.read(position);
    return { ...page, entries: page.entries.map((entry) => this.#entry(entry)) };
  }

  async cells(run: Run): Promise<StoredCells | undefined> {
    const found = await this.#store.cells(run);
    if (found === undefined) return undefined;
    return { head: this.#other("head", place(run), found.head), cells: this.#cells(run, found.cells) };
  }

  keepText(name: string, text: string): Promise<void> {
    const { digest, stored } = configName(name);
    return this.#store.keepText(stored, digest === undefined ? text : this.#other("config", digest, text));
  }

  async text(name: string): Promise<string | undefined> {
    const { digest, stored } = configName(name);
    const text = await this.#store.text(stored);
    return digest === undefined || text === undefined ? text : this.#other("config", digest, text);
  }

  forget(run: Run): Promise<void> {
    return this.#store.forget(run);
  }

  hold(lease: string, run: Run, ttlMs: number): Promise<Run> {
    return this.#store.hold(lease, run, ttlMs);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #headOf(run: Run, head: string | undefined): string | undefined {
    return head && this.#other("head", place(run), head);
  }

  #entry({ run, head, cells }: LogEntry): LogEntry {
    return { run, head: this.#other("head", place(run), head), cells: this.#cells(run, cells) };
  }

  #cells<Text extends string | undefined>(run: Run, cells: ReadonlyMap<string, Text>): ReadonlyMap<string, Text> {
    const other = (check: string, text: Text) =>
      // `undefined` stays: Text has it or not
      (text === undefined ? text : this.#other("cell", place(run, check), text)) as Text;
    return new Map(Array.from(cells, ([check, text]) => [check, other(check, text)]));
  }

  /** The same record in the other format. A text that is not signed stays as it is. */
  #other(kind: RecordKind, at: string, text: string): string {
    const [start = "", format, signature] = /^([12]) ([\w-]{22}) /.exec(text) ?? [];
    const body = text.slice(start.length);
    if (format === undefined || signature !== this.#sign(kind, format, at, body)) return text;
    const [other, content] = format === "1" ? ["2", toSecond(kind, body)] : ["1", toFirst(kind, body)];
    return `${other} ${this.#sign(kind, other, at, content)} ${content}`;
  }

  #sign(kind: RecordKind, format: string, at: string, body: string): string {
    const mac = createHmac("sha256", this.#key).update(`${kind} ${format} ${at.length} ${at}${body}`).digest();
    return mac.toString("base64url", 0, 16);
  }
}

/** Each format has its own configurations. */
function configName(name: string): { readonly digest: string | undefined; readonly stored: string } {
  const [, format, digest] = /^config:([12]):(.*)$/.exec(name) ?? [];
  return { digest, stored: digest === undefined ? name : `config:${format === "1" ? 2 : 1}:${digest}` };
}

function toSecond(kind: RecordKind, body: string): string {
  if (kind !== "beat") return `second ${body}`;
  const { member, counter, hasLeft, notifier } = JSON.parse(body); // as it was sealed
  return JSON.stringify({ member, counter, hasLeft, notifier, second: body });
}

function toFirst(kind: RecordKind, body: string): string {
  return kind === "beat" ? JSON.parse(body).second : body.slice("second ".length); // as it was written above
}
