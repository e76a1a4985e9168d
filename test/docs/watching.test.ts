/** The snippets of pages about what an application sees of its own health: channels, metrics, and a listener thread. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { eventually } from "../support/eventually.js";
import { ask, testSnippets } from "./running-snippets.js";
import { path } from "./snippets.js";

const CHANNELS = {
  subscribe: async (running) => {
    await eventually(() => running.output() !== "", "a line about the check");
    assert.equal(running.output(), "orders: refused, connect ECONNREFUSED 127.0.0.1:1\n");
  },
} satisfies Parameters<typeof testSnippets>[1];

testSnippets("../channels", CHANNELS, { "orders:8080": "127.0.0.1:1" });

const ISOLATION = {
  thread: (running) => eventually(async () => (await ask(running, "/livez")) === "200 OK", "it serves"),
} satisfies Parameters<typeof testSnippets>[1];

// a thread of Node 20 cannot load a source in TypeScript
testSnippets("../isolation", ISOLATION, { '"healthbridge"': JSON.stringify(path("dist/index.js")) });

testSnippets("../metrics", {
  async observe({ process, output }) {
    const [code] = await once(process, "close");
    assert.deepEqual([code, output()], [0, ""]);
  },
});
