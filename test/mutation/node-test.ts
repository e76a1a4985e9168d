/**
 * Takes the place of node:test in the bundles: it only collects the tests. So all tests of a mutant run in one process, by
 * one import of each file, and those that do not run the code of the mutant are left out.
 */
type Hook = () => unknown;
type Body = (context: { after(hook: Hook): void }) => unknown;

export interface CollectedTest {
  readonly name: string;
  readonly body: Body;
}

let collected: CollectedTest[] = [];

export function describe(_name: string, body: () => void): void {
  body();
}

export function test(name: string, ...rest: readonly [Body] | readonly [options: object, body: Body]): void {
  const body = rest.length === 1 ? rest[0] : rest[1];
  collected.push({ name: `${collected.length} ${name}`, body });
}

/** The tests of a file, by names that are unique in it. */
export async function collectTests(file: string): Promise<readonly CollectedTest[]> {
  collected = [];
  await import(file);
  return collected;
}

/** Runs a test and then its hooks. Rejects if the test fails. */
export async function runTest({ body }: CollectedTest): Promise<void> {
  const hooks: Hook[] = [];
  try {
    await body({ after: (hook) => hooks.unshift(hook) });
  } finally {
    for (const hook of hooks) await hook();
  }
}
