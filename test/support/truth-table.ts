/**
 * The truth table of docs/checks.md: what each name says for one check `c` beside a critical check that passes.
 *
 * The expectations are written by hand. The test asks a server for each of them, and the documentation is made from them.
 */

/** U UNKNOWN, S SERVING, D SERVING and degraded, N NOT_SERVING. */
export type Cell = "U" | "S" | "D" | "N";

export type CheckCase =
  | "pending"
  | "passing"
  | "warning"
  | "failing"
  | "initial passing"
  | "initial failing"
  | "changed passing"
  | "changed failing"
  | "unreported heartbeat";

/** The names in the order of the columns. `all`, `any` and `quorum` are services over `c` and the other check. */
export const COLUMNS = ["c", "alone", "all", "any", "quorum", "", "readiness", "liveness", "startup"] as const;

type Row = readonly [critical: boolean, state: CheckCase, cells: string];

// cells in the order of COLUMNS: own, alone | all, any, quorum | overall, readiness, liveness, startup
export const ROWS: readonly Row[] = [
  [true, "pending", "UU USU UUSU"],
  [true, "passing", "SS SSS SSSS"],
  [true, "warning", "DD DDD DDSS"],
  [true, "failing", "NN NDN NNSS"],
  [true, "initial passing", "SS SSS SSSU"],
  [true, "initial failing", "NN NDN NNSU"],
  [true, "changed passing", "SS SSS SSSS"],
  [true, "changed failing", "NN NDN NNSS"],
  [true, "unreported heartbeat", "UU SSS SSSS"],
  [false, "pending", "UU SSS SSSU"],
  [false, "passing", "SS SSS SSSS"],
  [false, "warning", "DD DDD DDSS"],
  [false, "failing", "ND DDD DDSS"],
  [false, "initial passing", "SS SSS SSSU"],
  [false, "initial failing", "ND DDD DDSU"],
  [false, "changed passing", "SS SSS SSSS"],
  [false, "changed failing", "ND DDD DDSS"],
  [false, "unreported heartbeat", "UU SSS SSSS"],
];

/** The expected cells of a row, in the order of COLUMNS. */
export function cellsOf([, , cells]: Row): readonly Cell[] {
  return [...cells.replaceAll(" ", "")].map((letter) => {
    if (letter === "U" || letter === "S" || letter === "D" || letter === "N") return letter;
    throw new Error(`${letter} is no cell`);
  });
}

const TEXTS: Readonly<Record<Cell, string>> = {
  U: "UNKNOWN 503",
  S: "SERVING 200",
  D: "SERVING* 200",
  N: "NOT_SERVING 503",
};

const HEADER = [
  "critical",
  "state of `c`",
  "`c`",
  "`[c]`",
  "`all` of `c`, `d`",
  "`any` of `c`, `d`",
  "`quorum: 2` of `c`, `d`",
  "overall",
  "`readiness`",
  "`liveness`",
  "`startup`",
];

/** The table as Markdown. */
export function truthTable(): string {
  const rows = ROWS.map((row) => [String(row[0]), row[1], ...cellsOf(row).map((cell) => TEXTS[cell])]);
  const lines = [HEADER, HEADER.map(() => "---"), ...rows];
  return `${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}
