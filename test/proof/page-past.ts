/**
 * A health with 30 days of history, for the pictures of docs/page.md: checks of a shop, whose past runs in seconds.
 *
 *     virtual clock --30 days of probes, outages at their times--> now --follows the real time--> a browser
 */
import { Health, type HealthServer } from "../../src/index.js";
import { VirtualClock } from "../support/virtual-clock.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A time that a check fails or is slow: it began so many hours ago, and took so many minutes. */
interface Trouble {
  readonly hoursAgo: number;
  readonly minutes: number;
  readonly kind?: "warn";
}

interface Example {
  readonly latencyMs: number;
  readonly critical?: boolean;
  readonly troubles?: readonly Trouble[];
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  "acme.orders.v1.Orders": {
    latencyMs: 12,
    troubles: [
      { hoursAgo: 0.31, minutes: 60 },
      { hoursAgo: 15, minutes: 4 },
      { hoursAgo: 220, minutes: 95 },
    ],
  },
  "acme.orders.v1.Refunds": { latencyMs: 9, troubles: [{ hoursAgo: 219.9, minutes: 90 }] },
  "acme.payments.v1.Payments": {
    latencyMs: 41,
    troubles: [
      { hoursAgo: 3, minutes: 3 },
      { hoursAgo: 5.5, minutes: 2 },
      { hoursAgo: 100, minutes: 40 },
    ],
  },
  "acme.users.v1.Users": { latencyMs: 6 },
  "shop/web": { latencyMs: 88, troubles: [{ hoursAgo: 9, minutes: 31 }] },
  "shop/search": { latencyMs: 34, critical: false, troubles: [{ hoursAgo: 1.2, minutes: 120, kind: "warn" }] },
  "shop/images": { latencyMs: 21, critical: false },
  postgres: { latencyMs: 1.4, troubles: [{ hoursAgo: 219.8, minutes: 85 }] },
  redis: { latencyMs: 0.5 },
  smtp: { latencyMs: 140, critical: false, troubles: [{ hoursAgo: 19, minutes: 200 }] },
};

/** Starts a server of the health. The caller ends both. */
export async function startPast(): Promise<{
  readonly health: Health;
  readonly server: HealthServer;
  stop(): Promise<void>;
}> {
  const clock = new VirtualClock();
  const end = Date.now();
  clock.wallOffset = end - 30 * DAY_MS - clock.wallTime();
  const health = new Health({ page: true, clock, history: { memoryMb: 64 } });
  for (const [name, example] of Object.entries(EXAMPLES)) addCheck(health, name, { example, clock, end });
  await clock.advance(30 * DAY_MS - 1);
  const server = await health.listen(["127.0.0.1:0"]);
  const follow = setInterval(() => void clock.advance(Date.now() - clock.wallTime()), 20);
  const stop = async () => {
    clearInterval(follow);
    await server.close();
  };
  return { health, server, stop };
}

interface Past {
  readonly example: Example;
  readonly clock: VirtualClock;
  /** Wall time of the end of the past. */
  readonly end: number;
}

function addCheck(health: Health, name: string, { example, clock, end }: Past): void {
  const { latencyMs, critical = true, troubles = [] } = example;
  let count = 0;
  const probe = async () => {
    count += 1;
    const hoursAgo = (end - clock.wallTime()) / HOUR_MS;
    const trouble = troubles.find((each) => hoursAgo <= each.hoursAgo && hoursAgo > each.hoursAgo - each.minutes / 60);
    // a day has busy hours, and no two hours are alike
    const busy = 0.45 * Math.sin((hoursAgo / 12) * Math.PI + latencyMs);
    const load = 1 + busy + 0.4 * Math.abs(Math.sin(Math.floor(count / 30) * 12.9898 + latencyMs));
    await new Promise<void>((resolve) => clock.setTimer(latencyMs * load * (trouble ? 3 : 1), resolve));
    if (trouble === undefined) return { status: "pass" };
    return { status: trouble.kind ?? "fail" };
  };
  health.check(name, probe, {
    ...{
      interval: "2m",
      timeout: "5s",
      unhealthyThreshold: 1,
      healthyThreshold: 1,
      edgeInterval: "2m",
      jitter: 0,
      critical,
    },
    services: name.startsWith("shop/") || name === "postgres" ? ["shop"] : [],
  });
}
