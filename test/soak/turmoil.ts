/** What goes wrong during a soak, at random: targets, the configuration, heartbeats, and clients that mean harm. */
import { connect } from "node:net";
import { AREAS, type Area, drawBroken } from "../fuzz/server/areas.js";
import { sendBroken } from "../fuzz/server/client.js";
import type { SeededRandom } from "../support/seeded-random.js";
import { HEARTBEAT_TOKEN, type SoakDaemon } from "./daemon.js";
import type { ScriptedTarget } from "./targets.js";

/** Checks that a reload adds. */
export const MAX_EXTRA_CHECKS = 20;

const STEP_MS = 250;
const STALLED_MS = 3_000;
const ABUSE = Object.values(AREAS).filter(({ listener }: Area) => listener === "clear") as [Area, ...Area[]]; // rows

export class Turmoil {
  readonly #daemon: SoakDaemon;
  readonly #targets: readonly [ScriptedTarget, ...ScriptedTarget[]];
  readonly #random: SeededRandom;
  readonly #timer: NodeJS.Timeout;
  readonly counts = { flips: 0, reloads: 0, invalidReloads: 0, hangups: 0, heartbeats: 0, abuse: 0, stalled: 0 };
  isPaused = false;

  constructor(daemon: SoakDaemon, targets: readonly [ScriptedTarget, ...ScriptedTarget[]], random: SeededRandom) {
    this.#daemon = daemon;
    this.#targets = targets;
    this.#random = random;
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #step(): void {
    const happens = (perSecond: number) => this.#random.next() < (perSecond * STEP_MS) / 1_000;
    if (happens(1)) this.#flip();
    if (happens(0.1)) this.#reload();
    if (happens(0.05)) this.#invalid();
    if (happens(0.05)) this.#hangUp();
    if (happens(0.5)) void this.#heartbeat();
    if (this.isPaused) return;
    if (happens(2)) void this.#abuse();
    if (happens(0.2)) this.#stall();
  }

  #flip(): void {
    this.counts.flips += 1;
    // a target is well for half of the time, so that both ways are seen
    const mode = this.#random.pick(["ok", "ok", "ok", "error", "hang", "reset"] as const);
    this.#random.pick(this.#targets).set(mode);
  }

  #reload(): void {
    this.counts.reloads += 1;
    this.#daemon.configure(this.#targets, Math.floor(this.#random.next() * MAX_EXTRA_CHECKS));
  }

  #invalid(): void {
    this.counts.invalidReloads += 1;
    this.#daemon.configure(this.#targets, "invalid");
  }

  #hangUp(): void {
    this.counts.hangups += 1;
    this.#daemon.process.process.kill("SIGHUP");
  }

  async #heartbeat(): Promise<void> {
    this.counts.heartbeats += 1;
    const query = this.#random.next() < 0.2 ? "?status=fail" : "";
    const url = `http://127.0.0.1:${this.#daemon.port}/heartbeat/beat${query}`;
    const headers = { authorization: `Bearer ${HEARTBEAT_TOKEN}`, connection: "close" };
    await fetch(url, { method: "POST", headers }).catch(() => {}); // the monitor sees a daemon that does not answer
  }

  async #abuse(): Promise<void> {
    this.counts.abuse += 1;
    const area = this.#random.pick(ABUSE);
    await sendBroken({ port: () => this.#daemon.port }, area, drawBroken(this.#random, area), this.#random);
  }

  /** Asks for pages and reads none. */
  #stall(): void {
    this.counts.stalled += 1;
    const socket = connect(this.#daemon.port, "127.0.0.1")
      .on("error", () => {})
      .pause();
    socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200));
    setTimeout(() => socket.destroy(), STALLED_MS);
  }
}
