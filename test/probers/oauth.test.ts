/** HTTP targets with an OAuth2 token, against an authorization server that behaves as a test asks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SystemAuthorities } from "../../src/client/authorities.js";
import { HealthError } from "../../src/core/health-error.js";
import { maskSecrets } from "../../src/probers/masked.js";
import type { OAuthClient, ProberOptions } from "../../src/probers/options.js";
import { type Prober, ProberError } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { inTime } from "../support/eventually.js";
import { startStopwatch } from "../support/stopwatch.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { probe, verdict } from "./probing.js";
import { httpTarget, Target } from "./targets.js";

interface TokenRequest {
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
}

type OnToken = (request: TokenRequest, response: ServerResponse, count: number) => void;

const granting = (token: object) => (_: unknown, response: ServerResponse) =>
  void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(token));

/** A target that wants `Bearer t-N` of the newest token, and an authorization server that counts its tokens. */
class Site {
  readonly tokenRequests: TokenRequest[] = [];
  readonly authorizations: (string | undefined)[] = [];
  accepts = (authorization: string | undefined) => authorization === `Bearer t-${this.tokenRequests.length}`;
  #servers: Target[] = [];
  target = "";
  tokenUrl = "";

  static async open(
    onToken: OnToken = (_, response, count) =>
      granting({ access_token: `t-${count}`, token_type: "Bearer", expires_in: 3600 })(_, response),
  ): Promise<Site> {
    const site = new Site();
    const authorizationServer = await httpTarget((request, response) => {
      let text = "";
      request.on("data", (bytes) => {
        text += bytes;
      });
      request.on("end", () => {
        const seen = { headers: request.headers, form: new URLSearchParams(text) };
        site.tokenRequests.push(seen);
        onToken(seen, response, site.tokenRequests.length);
      });
    });
    const target = await httpTarget((request, response) => {
      const { authorization } = request.headers;
      site.authorizations.push(authorization);
      response.writeHead(site.accepts(authorization) ? 200 : 401).end(authorization);
    });
    site.#servers = [authorizationServer, target];
    site.target = `http://127.0.0.1:${target.port}/`;
    site.tokenUrl = `http://127.0.0.1:${authorizationServer.port}/token?tenant=a`;
    return site;
  }

  prober(auth: Partial<OAuthClient> = {}, options: ProberOptions = {}, deps = systemDeps()): Prober {
    const given = {
      ...options,
      auth: { clientId: "id", clientSecret: "s3cr:t/é +", tokenUrl: this.tokenUrl, ...auth },
    };
    return maskSecrets(openTarget(this.target, deps, given), this.target, given);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.stop();
  }
}

async function withSite(body: (site: Site) => Promise<void>, onToken?: OnToken): Promise<void> {
  const site = await Site.open(onToken);
  try {
    await body(site);
  } finally {
    await site.close();
  }
}

describe("an authorization server over TLS is trusted", () => {
  const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
  const read = (name: string) => readFileSync(file(name), "utf8");
  const identity = { cert: read("server.crt"), key: read("server.key") };
  const named = new SystemAuthorities({ SSL_CERT_FILE: file("ca.crt") });
  const ROWS = {
    "by SSL_CERT_FILE, for a target without TLS": ["http", named, {}],
    "by SSL_CERT_FILE, for a target with TLS": ["https", named, {}],
    "by tls.ca: system": ["https", named, { tls: { ca: "system" } }],
    "by the authorities of the target": ["https", new SystemAuthorities(), { tls: { ca: read("ca.crt") } }],
  } as const;
  for (const [title, [scheme, authorities, options]] of Object.entries(ROWS))
    test(title, async () => {
      const token = granting({ access_token: "t", expires_in: 60 });
      const tokens = await Target.start(createHttps(identity, (request, response) => token(request, response)));
      const target = await (scheme === "http"
        ? httpTarget((_, response) => void response.end())
        : Target.start(createHttps(identity, (_, response) => void response.end())));
      const auth = { clientId: "id", clientSecret: "secret", tokenUrl: `https://127.0.0.1:${tokens.port}/token` };
      const deps = { ...systemDeps(), authorities };
      const prober = openTarget(`${scheme}://127.0.0.1:${target.port}/`, deps, { ...options, auth });
      assert.equal(await verdict(prober), "pass");
      prober.close();
      for (const server of [tokens, target]) await server.stop();
    });
});

test("the token is fetched once, with the credentials form-encoded as Basic, and kept", () =>
  withSite(async (site) => {
    const prober = site.prober({ scopes: ["a", "b"], audience: "api" });
    for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
    prober.close();
    assert.deepEqual([site.tokenRequests.length, site.authorizations], [1, ["Bearer t-1", "Bearer t-1", "Bearer t-1"]]);
    const [{ headers, form } = { headers: {}, form: new URLSearchParams() }] = site.tokenRequests;
    const basic = Buffer.from("id:s3cr%3At%2F%C3%A9+%2B").toString("base64");
    assert.equal(headers.authorization, `Basic ${basic}`);
    assert.equal(headers["content-type"], "application/x-www-form-urlencoded");
    assert.deepEqual(Object.fromEntries(form), { grant_type: "client_credentials", scope: "a b", audience: "api" });
  }));

test("client_secret_post sends the credentials in the body", () =>
  withSite(async (site) => {
    const prober = site.prober({ method: "client_secret_post" });
    assert.equal(await verdict(prober), "pass");
    prober.close();
    const [{ headers, form } = { headers: {}, form: new URLSearchParams() }] = site.tokenRequests;
    assert.equal(headers.authorization, undefined);
    assert.deepEqual(Object.fromEntries(form), {
      grant_type: "client_credentials",
      client_id: "id",
      client_secret: "s3cr:t/é +",
    });
  }));

describe("the lifetime of a token", () => {
  for (const [label, token, fetchedAfterMs] of [
    ["an hour: until a minute before its end", { expires_in: 3600 }, 3_540_000],
    ["as text", { expires_in: "600" }, 540_000],
    ["a minute: until half of it", { expires_in: 60 }, 30_000],
    ["not stated: four minutes", {}, 240_000],
  ] as const)
    test(label, async () => {
      await withSite(
        async (site) => {
          const clock = new VirtualClock();
          const prober = site.prober({}, { reuse: false }, { ...systemDeps(), clock });
          site.accepts = () => true;
          assert.equal(await verdict(prober), "pass");
          await clock.advance(fetchedAfterMs - 1);
          assert.equal(await verdict(prober), "pass");
          assert.equal(site.tokenRequests.length, 1);
          await clock.advance(1);
          assert.equal(await verdict(prober), "pass");
          assert.equal(site.tokenRequests.length, 2);
          prober.close();
        },
        (_, response) => granting({ access_token: "t", token_type: "bearer", ...token })(_, response),
      );
    });

  for (const expires_in of [0, -5, "0"])
    test(`of ${JSON.stringify(expires_in)} seconds: for one request`, () =>
      withSite(
        async (site) => {
          site.accepts = () => true;
          const prober = site.prober();
          for (const count of [1, 2, 3]) {
            assert.equal(await verdict(prober), "pass");
            assert.equal(site.tokenRequests.length, count);
          }
          prober.close();
        },
        granting({ access_token: "t", token_type: "bearer", expires_in }),
      ));

  test("a 401 of the target fetches one new token, in the same probe", () =>
    withSite(async (site) => {
      const prober = site.prober();
      assert.equal(await verdict(prober), "pass");
      site.accepts = (authorization) => authorization === "Bearer t-2";
      assert.equal(await verdict(prober), "pass");
      assert.deepEqual(site.authorizations, ["Bearer t-1", "Bearer t-1", "Bearer t-2"]);
      site.accepts = () => false;
      assert.equal(await verdict(prober), "fail status", "a target that always refuses has failed");
      assert.deepEqual([site.tokenRequests.length, site.authorizations.length], [3, 5]);
      prober.close();
    }));
});

describe("without a token, the probe says nothing about the target", () => {
  const answer = (status: number, body: string) => (_: unknown, response: ServerResponse) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(body);
  const rows: readonly (readonly [label: string, onToken: OnToken, detail: RegExp])[] = [
    ["the client is refused", answer(401, '{"error":"invalid_client"}'), /HTTP status 401, invalid_client$/],
    ["a fault of the server", answer(503, "<html>s3cr:t/é +</html>"), /HTTP status 503$/],
    ["a redirect", (_, response) => void response.writeHead(302, { location: "/x" }).end(), /HTTP status 302$/],
    ["no JSON", answer(200, "OK"), /no access_token$/],
    ["no token", answer(200, '{"token_type":"bearer"}'), /no access_token$/],
    ["a token with a line break", answer(200, '{"access_token":"a\\r\\nx: y"}'), /no access_token$/],
    ["a huge token", answer(200, JSON.stringify({ access_token: "x".repeat(9_000) })), /no access_token$/],
    ["another type", answer(200, '{"access_token":"a","token_type":"mac"}'), /token_type is not bearer$/],
    ["a connection that ends", (_, response) => response.destroy(), /auth\.tokenUrl: /],
  ];
  for (const [label, onToken, detail] of rows)
    test(label, () =>
      withSite(async (site) => {
        const prober = site.prober();
        await assert.rejects(
          probe(prober),
          (error) =>
            error instanceof ProberError &&
            error.reason === "auth-server" &&
            detail.test(error.message) &&
            !error.message.includes("s3cr"),
        );
        assert.equal(site.authorizations.length, 0, "the target is not asked");
        prober.close();
      }, onToken),
    );

  test("a server that does not answer has half of the timeout", () =>
    withSite(
      async (site) => {
        const prober = site.prober();
        const stop = startStopwatch();
        await assert.rejects(
          inTime(probe(prober, 2_000), "the half of the timeout"),
          (error) => error instanceof ProberError && error.reason === "auth-server",
        );
        assert.ok(stop() < 1_900);
        prober.close();
      },
      () => {},
    ));

  test("a server that is down", () =>
    withSite(async (site) => {
      const closed = await httpTarget(() => {});
      await closed.stop();
      const prober = site.prober({ tokenUrl: `http://127.0.0.1:${closed.port}/` });
      await assert.rejects(probe(prober), (error) => error instanceof ProberError && error.reason === "auth-server");
      prober.close();
    }));
});

test("neither the secret nor the token is in a result", () =>
  withSite(
    async (site) => {
      site.accepts = () => true;
      const prober = site.prober({}, { expect: { body: "never" } });
      for (const expect of [{ json: { "[0]": 1 } }, { headers: { "x-echo": "never" } }] as const) {
        const echoing = site.prober({}, { expect });
        const { detail } = await probe(echoing);
        assert.ok(detail !== undefined && !detail.includes("t0ken"), detail);
        echoing.close();
      }
      prober.close();
    },
    (_, response) => granting({ access_token: "t0ken-of-the-server", expires_in: 60 })(_, response),
  ));

test("a target that echoes the token in a header does not bring it into the detail", async () => {
  await withSite(
    async (site) => {
      const echo = await httpTarget((request, response) => {
        response.writeHead(200, { "x-echo": `${"y".repeat(240)}${request.headers.authorization}` }).end();
      });
      site.target = `http://127.0.0.1:${echo.port}/`;
      const prober = site.prober({}, { expect: { headers: { "x-echo": "never" } } });
      const { detail = "" } = await probe(prober);
      assert.match(detail, /yyy/);
      assert.ok(!detail.includes("t0ken"), detail);
      prober.close();
      await echo.stop();
    },
    (_, response) => granting({ access_token: `t0ken${"z".repeat(80)}`, expires_in: 60 })(_, response),
  );
});

describe("what cannot be obeyed is refused when the check is declared", () => {
  const auth = { clientId: "id", clientSecret: "s3cret", tokenUrl: "http://127.0.0.1:1/token" };
  const rows: readonly (readonly [label: string, url: string, options: ProberOptions, message: RegExp])[] = [
    ["a user in the target", "http://u:p@127.0.0.1:1/", { auth }, /auth must not stand beside/],
    ["the option user", "http://127.0.0.1:1/", { auth, user: "u", password: "p" }, /auth must not stand beside/],
    ["a header", "http://127.0.0.1:1/", { auth, headers: { Authorization: "x" } }, /auth must not stand beside/],
    ["no URL", "http://127.0.0.1:1/", { auth: { ...auth, tokenUrl: "login" } }, /auth\.tokenUrl must be a URL/],
    [
      "another scheme",
      "http://127.0.0.1:1/",
      { auth: { ...auth, tokenUrl: "ftp://a/" } },
      /auth\.tokenUrl must be a URL/,
    ],
    [
      "user info",
      "http://127.0.0.1:1/",
      { auth: { ...auth, tokenUrl: "http://u@a/" } },
      /auth\.tokenUrl must be a URL/,
    ],
    [
      "a metadata service",
      "http://127.0.0.1:1/",
      { auth: { ...auth, tokenUrl: "http://0xa9fea9fe/token" } },
      /link-local address or a metadata service/,
    ],
    ["no id", "http://127.0.0.1:1/", { auth: { ...auth, clientId: "" } }, /must be text that is not empty/],
  ];
  for (const [label, url, options, message] of rows)
    test(label, () =>
      assert.throws(
        () => openTarget(url, systemDeps(), options),
        (error) => error instanceof HealthError && error.code === "INVALID_OPTION" && message.test(error.message),
      ),
    );
});
