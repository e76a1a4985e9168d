/** The token of discovery: how clients send it, and what they get without it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Published, subscribe } from "../../../src/core/channels.js";
import type { HttpRequest } from "../../../src/wire/http-message.js";
import { facts, indexOf, siteOf, turns } from "./discovery-fixture.js";

const ORDERS = "/v1/health/service/orders";
const TOKEN = "secret-7f3a";

function guarded() {
  const site = siteOf({ token: TOKEN });
  site.set([facts("a")]);
  return site;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("a request with a token", () => {
  const GIVEN: Readonly<Record<string, readonly [string, Partial<HttpRequest>]>> = {
    "X-Consul-Token": [ORDERS, { consulToken: TOKEN }],
    "?token=": [`${ORDERS}?token=${TOKEN}`, {}],
    Bearer: [ORDERS, bearer(TOKEN)],
    "?token= beside a wrong header": [`${ORDERS}?token=${TOKEN}`, { consulToken: "wrong" }],
    "X-Consul-Token beside an empty ?token=": [`${ORDERS}?token=`, { consulToken: TOKEN }],
    "X-Consul-Token beside a wrong Bearer": [ORDERS, { consulToken: TOKEN, ...bearer("wrong") }],
  };
  for (const [name, [target, more]] of Object.entries(GIVEN))
    test(`in ${name} is answered [XD29]`, () => {
      const { status, headers } = guarded().get(target, more);
      assert.equal(status, 200);
      assert.equal(headers["x-consul-default-acl-policy"], "deny");
    });

  const WRONG: Readonly<Record<string, readonly [string, Partial<HttpRequest>]>> = {
    "no token": [ORDERS, {}],
    "a wrong X-Consul-Token": [ORDERS, { consulToken: "wrong" }],
    "a wrong ?token= beside a right header": [`${ORDERS}?token=wrong`, { consulToken: TOKEN }],
    "a wrong Bearer": [ORDERS, bearer("wrong")],
    "a part of the token": [ORDERS, { consulToken: TOKEN.slice(0, -1) }],
    "the token and more": [ORDERS, { consulToken: `${TOKEN} x` }],
  };
  for (const [name, [target, more]] of Object.entries(WRONG))
    test(`with ${name} is 403 for Consul's clients, and its words are not echoed`, () => {
      const { status, body } = guarded().get(target, more);
      assert.equal(status, 403);
      assert.match(body, /^Permission denied/);
      assert.ok(!body.includes("wrong ") && !body.includes(TOKEN));
    });

  for (const path of ["/v1/instances", "/v1/instances/orders", "/v1/instances/nothing", "/prometheus/sd"])
    test(`without it is 401 at ${path}, with a challenge`, () => {
      const { status, headers, body } = guarded().get(path);
      assert.equal(status, 401);
      assert.equal(headers["www-authenticate"], "Bearer");
      assert.ok(!body.includes("192.0.2.1"));
    });

  for (const path of ["/v1/agent/self", "/v1/status/leader", "/v1/catalog/services", "/v1/health/state/any"])
    test(`without it is 403 at ${path}`, () => assert.equal(guarded().get(path).status, 403));
});

describe("the token", () => {
  test("is in no message that a log or a metric reads", (t) => {
    const site = guarded();
    const messages: Published<"http-request">[] = [];
    t.after(subscribe("http-request", (message) => void messages.push(message)));
    for (const target of [`${ORDERS}?token=${TOKEN}`, `/${TOKEN}`, `/v1/instances?token=${TOKEN}`, `/prometheus/sd`])
      site.get(target);
    const own = messages.filter(({ instance }) => instance === "discovery");
    assert.deepEqual(
      own.map(({ route, status }) => `${route} ${status}`),
      ["consul 200", "none 404", "instances 200", "prometheus-sd 401"],
    );
  });

  test("that is replaced ends the queries that were blocked with the one before", async () => {
    const site = guarded();
    const index = indexOf(site.get(ORDERS, { consulToken: TOKEN }));
    const asked = site.ask(`${ORDERS}?index=${index}`, { consulToken: TOKEN });
    await turns();
    assert.equal(asked.answer(), undefined);
    site.token.value = "another";
    await turns();
    assert.equal(asked.answer()?.status, 403);
    assert.equal(site.get(ORDERS, { consulToken: "another" }).status, 200);
  });
});
