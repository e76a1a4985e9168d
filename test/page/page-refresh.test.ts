import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PageRefresh } from "../../src/page/page-refresh.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

class Rig {
  readonly clock = new VirtualClock();
  readonly pages: string[] = [];
  readonly requests: { readonly url: string; readonly answer: (response: Response | Error) => void }[] = [];
  url = "/";
  readonly refresh = new PageRefresh({
    clock: this.clock,
    url: () => this.url,
    fetch: (url) =>
      new Promise((resolve, reject) => {
        const answer = (response: Response | Error) =>
          response instanceof Error ? reject(response) : resolve(response);
        this.requests.push({ url, answer });
      }),
    onPage: (html) => this.pages.push(html),
  });

  async answer(text: string, type = "text/html; charset=utf-8"): Promise<void> {
    this.requests.at(-1)?.answer(new Response(text, { headers: { "content-type": type } }));
    await settle();
  }
}

describe("the refresh of the page's HTML", () => {
  test("the first request is sent at once, and all that are asked for within 2 s are one", async () => {
    const rig = new Rig();
    rig.refresh.ask();
    assert.equal(rig.requests.length, 1);
    await rig.answer("one");
    assert.deepEqual(rig.pages, ["one"]);
    for (let count = 0; count < 100; count += 1) rig.refresh.ask();
    assert.equal(rig.requests.length, 1);
    await rig.clock.advance(2_000);
    assert.equal(rig.requests.length, 2);
  });

  test("while a request runs, no other one is sent; what is asked for meanwhile follows, with the URL of then", async () => {
    const rig = new Rig();
    rig.refresh.ask();
    await rig.clock.advance(10_000);
    rig.refresh.ask();
    rig.url = "/?range=7d";
    assert.equal(rig.requests.length, 1);
    await rig.answer("one");
    assert.deepEqual(
      rig.requests.map(({ url }) => url),
      ["/", "/?range=7d"],
    );
  });

  test("an error and an answer that is no page change nothing, and the next request is possible", async () => {
    const rig = new Rig();
    rig.refresh.ask();
    rig.requests[0]?.answer(new TypeError("Failed to fetch"));
    await settle();
    await rig.clock.advance(2_000);
    rig.refresh.ask();
    await rig.answer("SHUTTING_DOWN", "text/plain");
    await rig.clock.advance(2_000);
    rig.refresh.ask();
    await rig.answer("three");
    assert.deepEqual(rig.pages, ["three"]);
  });

  test("a wall clock that is set back does not stop the requests", async () => {
    const rig = new Rig();
    rig.refresh.ask();
    await rig.answer("one");
    rig.clock.wallOffset = -86_400_000;
    rig.refresh.ask();
    assert.equal(rig.requests.length, 2);
  });
});
