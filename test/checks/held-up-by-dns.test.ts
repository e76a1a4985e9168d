/** A check whose name servers do not answer until its deadline: that says nothing about the target. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckRunner } from "../../src/checks/runner.js";
import { createRunnerDeps } from "../../src/checks/runner-deps.js";
import { NameResolver } from "../../src/client/resolver.js";
import { type Published, subscribe } from "../../src/core/channels.js";
import { systemClock } from "../../src/core/clock.js";
import { openTarget, SCHEMES, systemDeps } from "../../src/probers/schemes.js";
import { completeSettings } from "../support/complete-settings.js";
import { eventually } from "../support/eventually.js";
import { NameServer } from "../support/name-server.js";

/** Schemes that connect to a host by its name. */
const NAMED = Object.keys(SCHEMES).filter((scheme) => !scheme.endsWith("unix") && scheme !== "dns");

for (const scheme of NAMED)
  test(`${scheme}: a deadline that DNS has used up is a prober error`, async (t) => {
    const names = await NameServer.start(t);
    names.silent = true;
    const resolver = new NameResolver({ clock: systemClock, servers: [names.address] });
    const options = scheme === "udp" ? { dialogue: [{ send: "a", expect: "b" }] } : {};
    const prober = openTarget(`${scheme}://target.test:4444/`, { ...systemDeps(), resolver }, options);
    const reasons: string[] = [];
    const failed = ({ check, reason }: Published<"prober-failed">) => check === scheme && reasons.push(reason);
    t.after(subscribe("prober-failed", failed));
    const states: string[] = [];
    const runner = new CheckRunner({
      name: scheme,
      prober,
      settings: completeSettings(scheme, { interval: "1s", timeout: "200ms" }),
      deps: createRunnerDeps(systemClock, Math.random, scheme),
      listener: { onProgress: ({ state }) => void states.push(state), onThreshold: () => "fail" },
    });
    t.after(() => runner.stop());
    runner.start(0);
    await eventually(() => reasons.length + states.length > 0, "the probe has ended");
    assert.deepEqual([reasons, states], [["dns"], []]);
  });
