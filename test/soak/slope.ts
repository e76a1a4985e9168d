/** Whether a heap grows: a line through the lowest points, which are those after a garbage collection. */

/** One measurement. */
export interface Sample {
  readonly second: number;
  readonly bytes: number;
}

const WINDOW_SECONDS = 10;

/** The first third is warming up: code, caches and histograms. */
const WARM_UP = 1 / 3;

/** The lowest points differ by so much without any growth. */
const NOISE_BYTES = 10e6;

const ALLOWED_BYTES_PER_HOUR = 2e6;

/** The growth over the measured time, by linear regression of the lowest sample of each ten seconds. */
export function growthOf(samples: readonly Sample[]) {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const lowest: Sample[] = [];
  for (let at = 0; at + WINDOW_SECONDS <= warm.length; at += WINDOW_SECONDS) {
    const window = warm.slice(at, at + WINDOW_SECONDS);
    lowest.push(window.reduce((least, sample) => (sample.bytes < least.bytes ? sample : least)));
  }
  const seconds = (lowest.at(-1)?.second ?? 0) - (lowest[0]?.second ?? 0);
  const bytesPerSecond = slopeOf(lowest);
  return {
    seconds,
    bytesPerHour: Math.round(bytesPerSecond * 3_600),
    growthBytes: Math.round(bytesPerSecond * seconds),
    allowedBytes: Math.round(NOISE_BYTES + (ALLOWED_BYTES_PER_HOUR * seconds) / 3_600),
  };
}

function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [x, y] = [mean(({ second }) => second), mean(({ bytes }) => bytes)];
  const above = samples.reduce((sum, { second, bytes }) => sum + (second - x) * (bytes - y), 0);
  const below = samples.reduce((sum, { second }) => sum + (second - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
