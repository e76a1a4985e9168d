/**
 * A daemon that is killed at random moments while an operator drains, resumes and sets maintenance.
 *
 *     start --> what is it? --> calls, one after the other, without a pause --> SIGKILL at a random moment --> start ...
 *
 *     a call that was answered    its effect is there after the restart
 *     a call without an answer    its effect may be there, or not
 *     what was never asked        is not there
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callControl } from "../../src/client/control-client.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { pause } from "../support/eventually.js";
import { SeededRandom } from "../support/seeded-random.js";

export interface KillReport {
  readonly rounds: number;
  readonly answered: number;
  /** Calls that were under way when the daemon was killed. */
  readonly cut: number;
  readonly problems: readonly string[];
}

/** What can be asked for; `never` is a service that no call names. */
const SCOPES = ["all", "a", "b", "s"] as const;
type ScopeName = (typeof SCOPES)[number];

const MAX_LIFE_MS = 120;

const CONFIG = `listen: ["127.0.0.1:0"]
control: DIR/hb.sock
stateDir: DIR/state
checks:
  a: { heartbeat: { ttl: 1h, token: t } }
  b: { heartbeat: { ttl: 1h, token: t } }
  never: { heartbeat: { ttl: 1h, token: t } }
services: { s: [a, b] }
`;

const requestOf = (scope: ScopeName) => (scope === "all" ? { all: true } : { service: scope });

class Rounds {
  readonly #path: string;
  readonly #random: () => number;
  /** What each fact may be, as the calls say: `drain s`, `maintenance all`. */
  readonly #possible = new Map<string, Set<boolean>>();
  readonly problems: string[] = [];
  answered = 0;
  cut = 0;

  constructor(path: string, random: () => number) {
    this.#path = path;
    this.#random = random;
    for (const scope of [...SCOPES, "never", ""])
      for (const kind of ["drain", "maintenance"]) this.#possible.set(`${kind} ${scope}`, new Set([false]));
  }

  /** What the daemon says right after its start must be possible. From then on, it is certain. */
  async verify(round: number, { port }: DaemonProcess): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${port}/healthcheck/s`);
    const first = await answer.text();
    const parts = await callControl("Status", {}, { path: this.#path, timeoutMs: 20_000 });
    const services = parts.flatMap((part) => part.services);
    const found = new Map<string, boolean>();
    const note = (scope: string, said: { readonly drain?: unknown; readonly maintenance?: unknown } | undefined) => {
      found.set(`drain ${scope}`, said?.drain !== undefined);
      found.set(`maintenance ${scope}`, said?.maintenance !== undefined);
    };
    note("all", parts[0]?.daemon);
    for (const service of services) note(service.name, service);
    for (const [fact, is] of found) {
      if (this.#possible.get(fact)?.has(is) !== true)
        this.problems.push(`round ${round}: ${fact} is ${is ? "invented" : "lost"}`);
      this.#possible.set(fact, new Set([is]));
    }
    const isDrained = found.get("drain all") || found.get("drain s") || found.get("drain a") || found.get("drain b");
    if (isDrained && first !== "NOT_SERVING")
      this.problems.push(`round ${round}: it is drained, and was ${first} first`);
  }

  /** Makes calls until the daemon is gone. */
  async operate(): Promise<void> {
    for (;;) {
      const scope = SCOPES[Math.floor(this.#random() * SCOPES.length)] ?? "all";
      const [kind, wanted] = [this.#random() < 0.7 ? "drain" : "maintenance", this.#random() < 0.5];
      const facts = [`${kind} ${scope}`];
      if (kind === "drain" && scope === "all" && !wanted)
        for (const each of SCOPES.slice(1)) facts.push(`drain ${each}`);
      for (const fact of facts) this.#possible.get(fact)?.add(wanted);
      try {
        await this.#call(kind, scope, wanted);
      } catch {
        this.cut += 1;
        return;
      }
      this.answered += 1;
      for (const fact of facts) this.#possible.set(fact, new Set([wanted]));
    }
  }

  async #call(kind: string, scope: ScopeName, wanted: boolean): Promise<void> {
    const call = { path: this.#path, timeoutMs: 20_000 };
    if (kind === "maintenance")
      await callControl("SetMaintenance", { ...requestOf(scope), durationMs: wanted ? 3_600_000 : 0 }, call);
    else await callControl(wanted ? "Drain" : "Resume", requestOf(scope), call);
  }
}

/** Kills a daemon so many times. Ends at the first round with a problem. */
export async function killRounds(rounds: number, seed: number): Promise<KillReport> {
  const directory = mkdtempSync(join(tmpdir(), "hb-kill-"));
  const config = join(directory, "healthbridge.yaml");
  writeFileSync(config, CONFIG.replaceAll("DIR", directory));
  const random = new SeededRandom(seed).next;
  const run = new Rounds(join(directory, "hb.sock"), random);
  let done = 0;
  try {
    for (; done < rounds && run.problems.length === 0; done += 1) {
      const daemon = await DaemonProcess.serve("-c", config);
      try {
        await run.verify(done, daemon);
        const operating = run.operate();
        await pause(random() * MAX_LIFE_MS);
        daemon.process.kill("SIGKILL");
        await operating;
      } finally {
        await daemon.kill();
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  return { rounds: done, answered: run.answered, cut: run.cut, problems: run.problems };
}
