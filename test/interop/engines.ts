/** Clients must get the same answers from both engines: what holds for a peer is tested with each. */
import { describe } from "node:test";
import { ENGINE_NAMES, type EngineName } from "../../src/core/engine-name.js";

/** Describes a peer's tests, once for each engine. */
export function describeEngines(peer: string, tests: (engine: EngineName) => void): void {
  for (const engine of ENGINE_NAMES) describe(`${peer}, engine ${engine}`, () => tests(engine));
}
