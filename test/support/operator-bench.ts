/** What tests of operators share: the parts of a daemon on clocks of their own, two checks, a log, and the journal of a folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { Health } from "../../src/daemon/health.js";
import type { OperatorDeps } from "../../src/daemon/operator.js";
import { openState } from "../../src/daemon/state.js";
import type { Journal } from "../../src/telemetry/journal.js";
import { VirtualClock } from "./virtual-clock.js";

export class OperatorBench {
  readonly clock = new VirtualClock();
  readonly health = new Health({ clock: this.clock });
  readonly log: string[] = [];
  readonly journal: Journal | undefined;

  constructor(journal: Journal | undefined, wallOffset: number) {
    this.journal = journal;
    this.clock.wallOffset = wallOffset;
    this.configure("a", "b");
  }

  /** Of an operator without a fleet. */
  get deps(): OperatorDeps {
    const log = {
      write: (_: string, event: string, message: string) => void this.log.push(`${event}: ${message}`),
      close() {},
    };
    return { parts: this.health.parts, clock: this.clock, log, journal: this.journal };
  }

  configure(...names: readonly string[]): void {
    const checks = names.map((name) => ({
      name,
      source: { kind: "heartbeat" as const, ttl: "1h", token: undefined },
      options: {},
    }));
    this.health.configure({ checks, services: [], isolation: undefined, allowLinkLocal: false });
  }
}

export async function journalAt(folder: string): Promise<Journal> {
  const { journal } = await openState({ folder, option: "stateDir" }, new Health(), "operator-test");
  if (journal === undefined) throw new Error(`${folder} has no journal`);
  return journal;
}

/** Names folders that do not exist yet. They are removed after the tests of this file. */
export function newFolders(): () => string {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-operator-"));
  after(() => rmSync(directory, { recursive: true }));
  let count = 0;
  return () => {
    count += 1;
    return join(directory, String(count));
  };
}
