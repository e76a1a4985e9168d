/**
 * One codec for all members of a simulated fleet. A record is verified and parsed once, not once for each of twenty members.
 *
 *     member A -- open(run, check, text) --.
 *     member B -- open(run, check, text) ---+--> remembered for this very place and text, or else opened by the real codec
 *
 * What a record means follows from its place and its text alone. So a forged, moved, or damaged record is refused as it is
 * without the memory: it has another text or another place.
 */
import { FleetCodec, type Head, type OpenedBeat, type OpenedCell } from "../../../src/fleet/records/codec.js";
import type { Run } from "../../../src/fleet/store/store.js";

/** Records of one kind that are remembered, twice: of 100,000 checks, all votes of an hour without many turns. */
const MAX_RECORDS = 400_000;

export class SharedCodec extends FleetCodec {
  readonly #beats = new Memory<OpenedBeat>();
  readonly #cells = new Memory<OpenedCell | undefined>();
  readonly #heads = new Memory<Head | undefined>();

  override openBeat(run: Run, text: string): OpenedBeat {
    return this.#beats.get(run, "", text, () => super.openBeat(run, text));
  }

  override openCell(run: Run, check: string, text: string): OpenedCell | undefined {
    return this.#cells.get(run, check, text, () => super.openCell(run, check, text));
  }

  override openHead(run: Run, text: string): Head | undefined {
    return this.#heads.get(run, "", text, () => super.openHead(run, text));
  }
}

interface Remembered<Opened> {
  readonly run: Run;
  readonly check: string;
  readonly opened: Opened;
}

/** The newest records, in two generations. */
class Memory<Opened> {
  #young = new Map<string, Remembered<Opened>>();
  #old: ReadonlyMap<string, Remembered<Opened>> = new Map();

  get(run: Run, check: string, text: string, open: () => Opened): Opened {
    const known = this.#young.get(text) ?? this.#old.get(text);
    if (known?.run === run && known.check === check) return known.opened;
    const opened = open();
    if (this.#young.size >= MAX_RECORDS) [this.#old, this.#young] = [this.#young, new Map()];
    this.#young.set(text, { run, check, opened });
    return opened;
  }
}
