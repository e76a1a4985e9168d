/** Host names that resolve when the test decides. A test cannot slow down the resolver of the system. */
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

/** Replaces `lookup` of `node:dns/promises` until the test ends. */
export function holdLookups(t: TestContext): { readonly asked: readonly string[]; resolve(): void } {
  const original = dns.promises.lookup;
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const lookup = (host: string) =>
    new Promise((resolve) => {
      asked.push(host);
      waiting.push(() => resolve({ address: "127.0.0.1", family: 4 }));
    });
  const use = (change: object) => {
    Object.assign(dns.promises, change);
    syncBuiltinESMExports();
  };
  use({ lookup });
  t.after(() => use({ lookup: original }));
  return {
    asked,
    resolve: () => {
      for (const end of waiting.splice(0)) end();
    },
  };
}
