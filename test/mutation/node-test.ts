/** Takes the place of node:test in the bundles: it only collects the tests. So the tests of many mutants run in one process. */
type Hook = () => unknown;
type Body = (context: { after(hook: Hook): void }) => unknown;

/** A test, or a `describe` with its tests. */
export interface CollectedTest {
  readonly name: string;
  run(): Promise<void>;
  /** Calls the body of the `describe` once more. Returns its tests. */
  readonly inner?: () => Promise<readonly CollectedTest[]>;
}

let collected: CollectedTest[] = [];

export function describe(name: string, body: () => void): void {
  const inner = () => collect(body);
  const run = async () => {
    for (const test of await inner()) await test.run();
  };
  collected.push({ name: `${collected.length} ${name}`, run, inner });
}

export function test(name: string, ...rest: readonly [Body] | readonly [options: object, body: Body]): void {
  const body = rest.length === 1 ? rest[0] : rest[1];
  collected.push({ name: `${collected.length} ${name}`, run: () => runTest(body) });
}

export { test as it };

/** The tests that `load` defines, by names that are unique among them. */
export async function collect(load: () => unknown): Promise<readonly CollectedTest[]> {
  const tests: CollectedTest[] = [];
  collected = tests;
  await load();
  return tests;
}

/** Runs a test and then its hooks. Rejects if the test fails. */
async function runTest(body: Body): Promise<void> {
  const hooks: Hook[] = [];
  try {
    await body({ after: (hook) => hooks.unshift(hook) });
  } finally {
    for (const hook of hooks) await hook();
  }
}
