/** What a terminal shows after the bytes that a program wrote: the part of xterm that a table needs. */

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60]/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a program writes
const PART = /\u001b\[([?\d;]*)([A-Za-z])|\u001b|[\s\S]/gu;

export class Screen {
  #cells: string[][];
  #rows: number;
  #columns: number;
  #row = 0;
  #column = 0;
  /** A sequence that has come in part. */
  #rest = "";
  /** Private modes that are set, such as 1049 for the alternate screen. */
  readonly modes = new Map<string, boolean>();
  /** Colours and other renditions that were written. */
  readonly renditions = new Set<string>();
  /** Control characters that no table writes. */
  readonly strays: string[] = [];
  /** Characters that were written beyond the last column. */
  overflows = 0;

  constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#cells = this.#blank();
  }

  get lines(): readonly string[] {
    return this.#cells.map((cells) => cells.join("").trimEnd());
  }

  get text(): string {
    return this.lines.join("\n");
  }

  resize(rows: number, columns: number): void {
    [this.#rows, this.#columns] = [rows, columns];
    this.#cells = this.#blank();
  }

  write(text: string): void {
    const whole = this.#rest + text;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a program writes
    const end = /\u001b(?:\[[?\d;]*)?$/.exec(whole)?.index ?? whole.length;
    this.#rest = whole.slice(end);
    for (const [part, parameters, final] of whole.slice(0, end).matchAll(PART))
      if (final !== undefined) this.#control(parameters ?? "", final);
      else this.#print(part);
  }

  #blank(): string[][] {
    return Array.from({ length: this.#rows }, () => new Array<string>(this.#columns).fill(" "));
  }

  #control(parameters: string, final: string): void {
    const [first = "1", second = "1"] = parameters.split(";");
    if (final === "H") [this.#row, this.#column] = [Number(first || 1) - 1, Number(second || 1) - 1];
    else if (final === "J") this.#cells = this.#blank();
    else if (final === "K") this.#cells[this.#row]?.fill(" ", this.#column);
    else if (final === "m") this.renditions.add(parameters);
    else if (final === "h" || final === "l") this.modes.set(parameters.slice(1), final === "h");
    else this.strays.push(`CSI ${parameters}${final}`);
  }

  #print(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#row += 1;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
    else if (/[\u0000-\u001f\u007f-\u009f]/.test(character)) this.strays.push(JSON.stringify(character));
    else {
      const width = WIDE.test(character) ? 2 : 1;
      const cells = this.#cells[this.#row];
      if (cells === undefined || this.#column + width > this.#columns) this.overflows += 1;
      else {
        cells[this.#column] = character;
        if (width === 2) cells[this.#column + 1] = "";
      }
      this.#column += width;
    }
  }
}
