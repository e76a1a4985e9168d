/**
 * The library as it is built: a thread of Node 20 cannot load a source in TypeScript. `npm run build` comes first.
 */
import type * as Library from "../../src/index.js";

const built = new URL("../../dist/index.js", import.meta.url).href;
const library: typeof Library = await import(built); // the build of the same sources

export const { Health, HealthError } = library;
