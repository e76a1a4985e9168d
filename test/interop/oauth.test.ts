/** OAuth2 client credentials with a real authorization server: `oidc-provider`, a certified OpenID provider. */
import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { OAuthClient } from "../../src/probers/options.js";
import { ProberError } from "../../src/probers/prober.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe, verdict } from "../probers/probing.js";
import { certify, createSubject } from "../support/certificates.js";
import { pause } from "../support/eventually.js";
import { npmServers } from "./npm-packages.js";

/** The part of the package that is used here. */
interface OpenIdProvider extends EventEmitter {
  callback(): RequestListener;
  readonly ClientCredentials: { find(token: string): Promise<{ destroy(): Promise<void> } | undefined> };
}

/** Each character that the form encoding of RFC 6749, section 2.3.1, changes. */
const SECRET = "s3cr:t/ +%&=?";

const grants = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope: "api:read" };
const CLIENTS = [
  { ...grants, client_id: "by:basic", client_secret: SECRET, token_endpoint_auth_method: "client_secret_basic" },
  { ...grants, client_id: "by-post", client_secret: SECRET, token_endpoint_auth_method: "client_secret_post" },
  { client_id: "person", client_secret: SECRET, redirect_uris: ["https://app.test/"] },
];
const LIFETIME_S = 2;

const authority = createSubject("authority");
const identity = createSubject("login");
const CA = certify(authority);
const tls = { cert: certify(identity, { issuer: authority, hosts: ["127.0.0.1"] }), key: identity.key };

const servers: Server[] = [];
let provider: OpenIdProvider;
let target = "";
let tokenUrl = "";
let secureTokenUrl = "";
let issued = 0;
let lastToken = "";
/** The status for a request with a good token. */
let granted = 200;

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // it listens on a port
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

before(async () => {
  const { default: Provider } = await import(pathToFileURL(npmServers().resolve("oidc-provider")).href);
  const configuration = {
    clients: CLIENTS,
    scopes: ["api:read", "api:write"],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: LIFETIME_S },
  };
  provider = new Provider("http://login.test", configuration);
  provider.on("client_credentials.saved", () => {
    issued += 1;
  });
  tokenUrl = `http://${await listening(createServer(provider.callback()))}/token`;
  secureTokenUrl = `https://${await listening(createHttps(tls, provider.callback()))}/token`;
  const resource: RequestListener = async ({ headers: { authorization = "" } }, response) => {
    lastToken = authorization.replace(/^Bearer /, "");
    const token = await provider.ClientCredentials.find(lastToken);
    response.writeHead(token === undefined ? 401 : granted).end();
  };
  target = `https://${await listening(createHttps(tls, resource))}/`;
});

after(async () => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

const proberOf = (auth: Partial<OAuthClient> = {}) =>
  openTarget(target, systemDeps(), {
    auth: { clientId: "by:basic", clientSecret: SECRET, tokenUrl, ...auth },
    tls: { ca: CA },
  });

/** How many tokens the server issues meanwhile. */
async function tokensOf(body: () => Promise<void>): Promise<number> {
  const before = issued;
  await body();
  return issued - before;
}

describe("a token is fetched once for several probes", () => {
  const ROWS: Readonly<Record<string, () => Partial<OAuthClient>>> = {
    "with a secret of reserved characters, as Basic": () => ({}),
    "with the credentials in the body": () => ({ clientId: "by-post", method: "client_secret_post" }),
    "for a scope": () => ({ scopes: ["api:read"] }),
    "over TLS, with the authority of the target": () => ({ tokenUrl: secureTokenUrl }),
  };
  for (const [label, row] of Object.entries(ROWS))
    test(label, async () => {
      const prober = proberOf(row());
      const tokens = await tokensOf(async () => {
        for (let round = 0; round < 3; round += 1) assert.equal(await verdict(prober), "pass");
      });
      prober.close();
      assert.equal(tokens, 1);
    });
});

test("a token is renewed before it expires: no probe fails", async () => {
  const prober = proberOf();
  const tokens = await tokensOf(async () => {
    for (const endsAt = performance.now() + 2 * LIFETIME_S * 1_000; performance.now() < endsAt; await pause(100))
      assert.equal(await verdict(prober), "pass");
  });
  prober.close();
  assert.ok(tokens >= 2 && tokens <= 5, `${tokens} tokens`);
});

test("a token that the server has revoked is replaced in the same probe", async () => {
  const prober = proberOf();
  const tokens = await tokensOf(async () => {
    assert.equal(await verdict(prober), "pass");
    const revoked = lastToken;
    await (await provider.ClientCredentials.find(revoked))?.destroy();
    assert.equal(await verdict(prober), "pass");
    assert.notEqual(lastToken, revoked);
  });
  prober.close();
  assert.equal(tokens, 2);
});

test("a target that refuses a good token fails with its status", async () => {
  granted = 403;
  const prober = proberOf();
  assert.equal(await verdict(prober), "fail status");
  prober.close();
  granted = 200;
});

describe("without a token, there is a prober error and no failure of the target", () => {
  const ROWS: Readonly<Record<string, readonly [() => Partial<OAuthClient>, RegExp]>> = {
    "a wrong secret": [() => ({ clientSecret: "wrong" }), /HTTP status 401, invalid_client$/],
    "an unknown client": [() => ({ clientId: "nobody" }), /HTTP status 401, invalid_client$/],
    "a scope that the client may not have": [() => ({ scopes: ["api:write"] }), /HTTP status 400, invalid_scope$/],
    "a client without this grant": [() => ({ clientId: "person" }), /HTTP status 400, invalid_request$/],
    "another path": [() => ({ tokenUrl: `${tokenUrl}s` }), /HTTP status 404/],
    "no server": [() => ({ tokenUrl: "http://127.0.0.1:1/token" }), /ECONNREFUSED/],
    "a server without TLS": [() => ({ tokenUrl: tokenUrl.replace("http", "https") }), /wrong version number/],
    "a server with TLS alone": [
      () => ({ tokenUrl: secureTokenUrl.replace("https", "http") }),
      /ended|reset|ECONNRESET/,
    ],
  };
  for (const [label, [row, detail]] of Object.entries(ROWS))
    test(label, async () => {
      const prober = proberOf(row());
      await assert.rejects(probe(prober), (error) => {
        assert.ok(error instanceof ProberError, String(error));
        assert.equal(error.reason, "auth-server");
        assert.match(error.message, detail);
        assert.ok(!error.message.includes(SECRET));
        return true;
      });
      prober.close();
    });
});
