/** The user name and password of a target: in its URL, or as options. No error shows them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/index.js";
import type { ProberOptions } from "../../src/probers/options.js";
import { openTarget, SCHEMES } from "../../src/probers/schemes.js";
import { credentialsOf } from "../../src/probers/target.js";
import { VALUES } from "../support/reserved-values.js";
import { probe } from "./probing.js";
import { httpTarget } from "./targets.js";

const WITH_LOGIN = Object.entries(SCHEMES)
  .filter(([, { takesCredentials }]) => takesCredentials)
  .map(([scheme]) => scheme);

/** A host that a scheme accepts: for `http+unix`, the path of a socket. */
const hostFor = (scheme: string) => (scheme === "http+unix" ? "%2Frun%2Fx.sock" : "host");

function errorOf(action: () => unknown): HealthError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof HealthError, String(error));
    return error;
  }
  assert.fail("nothing was thrown");
}

describe("credentials come decoded from the URL, and as they are from the options", () => {
  for (const value of VALUES)
    test(JSON.stringify(value), () => {
      const encoded = encodeURIComponent(value);
      for (const scheme of ["http", "redis", "postgres", "flower+https"]) {
        const inUrl = credentialsOf(new URL(`${scheme}://${encoded}:${encoded}@host/`));
        assert.deepEqual(inUrl, { user: value, password: value }, scheme);
        const inOptions = credentialsOf(new URL(`${scheme}://host/`), { user: value, password: value });
        assert.deepEqual(inOptions, { user: value, password: value }, scheme);
      }
    });

  test("one in the URL and one as an option", () => {
    assert.deepEqual(credentialsOf(new URL("postgres://app@db/"), { password: "p" }), { user: "app", password: "p" });
    assert.deepEqual(credentialsOf(new URL("redis://:p@db/"), { user: "app" }), { user: "app", password: "p" });
    assert.deepEqual(credentialsOf(new URL("redis://db/"), { password: "p" }), { password: "p" });
    assert.deepEqual(credentialsOf(new URL("redis://db/")), {});
  });
});

test("over HTTP, user and password are sent as Basic", async () => {
  const given: (string | undefined)[] = [];
  const target = await httpTarget((request, response) => {
    given.push(request.headers.authorization);
    response.end("{}");
  });
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
  for (const [scheme, options, expected] of [
    ["http", { user: "me", password: "p@s/wörd" }, basic("me:p@s/wörd")],
    ["http", { user: "me" }, basic("me:")],
    ["http", { password: "a:b" }, basic(":a:b")],
    ["flower+http", { user: "me", password: "100%" }, basic("me:100%")],
  ] as const) {
    const prober = openTarget(`${scheme}://127.0.0.1:${target.port}`, undefined, options);
    await probe(prober);
    prober.close();
    assert.equal(given.at(-1), expected);
  }
  await target.disconnected();
  await target.stop();
});

describe("every scheme with a login takes user and password, and the others refuse both", () => {
  for (const [scheme, { example, takesCredentials }] of Object.entries(SCHEMES))
    test(scheme, () => {
      const target = example.replace("port", "1").replace("user@", "");
      const open = () => openTarget(target, undefined, { user: "me", password: "s3cret-word" }).close();
      if (takesCredentials) return open();
      const { code, message } = errorOf(open);
      assert.equal(code, "INVALID_OPTION");
      assert.match(message, /^user is not an option of this scheme/);
      assert.doesNotMatch(message, /s3cret/);
    });
});

describe("credentials that are given twice, or are no text, are refused without their value", () => {
  const rows: readonly (readonly [label: string, userInfo: string, options: object, expected: RegExp])[] = [
    [
      "a password twice",
      "u:hunter2@",
      { password: "hunter2" },
      /^password must not stand beside a target with a password in its URL; remove one of them$/,
    ],
    [
      "a user twice",
      "hunter2@",
      { user: "hunter2" },
      /^user must not stand beside a target with a user name in its URL; remove one of them$/,
    ],
    ["an empty password", "", { password: "" }, /^password must be text that is not empty$/],
    ["a number", "", { password: 123456 }, /^password must be text that is not empty$/],
    ["an object", "", { user: { name: "hunter2" } }, /^user must be text that is not empty$/],
    ["a NUL character", "", { password: "hunter2\0" }, /^password must not contain a NUL character$/],
  ];
  for (const [label, userInfo, options, expected] of rows)
    test(label, () => {
      for (const scheme of WITH_LOGIN) {
        const { code, message } = errorOf(() =>
          openTarget(`${scheme}://${userInfo}${hostFor(scheme)}/`, undefined, options),
        );
        assert.equal(code, "INVALID_OPTION", scheme);
        assert.match(message, expected);
        assert.doesNotMatch(message, /hunter2|123456/);
      }
    });

  test("beside an authorization header", () => {
    const options: ProberOptions = { password: "hunter2", headers: { Authorization: "Bearer x" } };
    for (const target of ["http://host/", "flower+http://host"])
      assert.match(
        errorOf(() => openTarget(target, undefined, options)).message,
        /^headers\.Authorization must not stand beside a user name or password/,
      );
  });

  test("a user name with a colon over HTTP", () => {
    for (const [target, options] of [
      ["http://host/", { user: "hunter2:x", password: "p" }],
      ["https://hunter2%3Ax:p@host/", {}],
    ] as const)
      assert.match(
        errorOf(() => openTarget(target, undefined, options)).message,
        /^user must not have a colon: Basic authentication cannot carry it$/,
      );
  });
});

describe("an invalid percent-encoding is refused with its place when the check is declared", () => {
  const rows: readonly (readonly [target: string, expected: RegExp])[] = [
    ...WITH_LOGIN.flatMap((scheme): readonly (readonly [string, RegExp])[] => [
      [
        `${scheme}://u:100%@${hostFor(scheme)}/`,
        /the password has an invalid percent-encoding; a percent sign is written %25/,
      ],
      [`${scheme}://u:%ff@${hostFor(scheme)}/`, /the password has an invalid percent-encoding/],
      [`${scheme}://u:a%zzb@${hostFor(scheme)}/`, /the password has an invalid percent-encoding/],
      [`${scheme}://100%:p@${hostFor(scheme)}/`, /the user name has an invalid percent-encoding/],
      [`${scheme}://u:p%00@${hostFor(scheme)}/`, /the password must not contain a NUL character/],
    ]),
    ["postgres://u:p@host/100%", /the database has an invalid percent-encoding/],
    ["postgresql://u:p@host/%zz", /the database has an invalid percent-encoding/],
    ["postgres://u:p@host/a%00user%00root", /the database must not contain a NUL character/],
    ["mysql://u:p@host/100%", /the database has an invalid percent-encoding/],
    ["amqp://u:p@host/100%", /the virtual host has an invalid percent-encoding/],
    ["amqps://u:p@host/%e4", /the virtual host has an invalid percent-encoding/],
    ["grpc://host:1/100%", /the path, which is the name of the service, has an invalid percent-encoding/],
    ["dns:100%", /the name has an invalid percent-encoding/],
    ["dns://server/%zz", /the name has an invalid percent-encoding/],
    ["unix:///run/100%", /the path of the socket has an invalid percent-encoding/],
  ];
  for (const [target, expected] of rows)
    test(target, () => {
      const health = new Health();
      for (const { code, message } of [
        errorOf(() => openTarget(target)),
        errorOf(() => health.check("x", target)),
        errorOf(() => health.isolate({ selfCheck: target })),
      ]) {
        assert.equal(code, "INVALID_TARGET");
        assert.match(message, expected);
        assert.doesNotMatch(message, /100%@|u:|malformed/);
      }
      assert.equal(health.status("x"), undefined);
    });
});

describe("no error shows a part of the user info", () => {
  const passwords = [
    ...["12/s3cret", "12/s3cret/0", "12?s3cret", "12#s3cret", "s3cret", "s3c@ret", "@s3cret@", "s3cret:1", "[s3cret"],
    ...["s3cret]", "s3c ret", "s3cret\\x", "s3cret%zz", "//s3cret", ":s3cret", "s3\ncret", "65536/s3cret", "s3crét"],
  ];
  const endings = ["@host", "@host:99999", "@host:x", "@host:0", "@", "@[::1", "@host/%zz", "@host/x?y#z"];
  const beginnings = [...Object.keys(SCHEMES), "gprc", "ftp", "HTTP"].flatMap((scheme) => [
    `${scheme}://s3user:`,
    `${scheme}:s3user:`,
    `${scheme}:\\\\s3user:`,
    ` ${scheme}://s3user:`,
  ]);
  for (const password of passwords)
    test(JSON.stringify(password), () => {
      for (const beginning of [...beginnings, ...(password.startsWith("//") ? [] : ["s3user:"])])
        for (const ending of endings) {
          const target = `${beginning}${password}${ending}`;
          assert.doesNotMatch(errorMessage(target) ?? "", /s3u|ser:|s3c|cret|crét|ret/, target);
        }
    });

  test("nor a password where the @ and the host are missing", () => {
    for (const scheme of Object.keys(SCHEMES))
      for (const end of ["s3cret", "12s3cret", "s3cret/12", "s3cret?x", "[s3cret", "s3 cret"])
        assert.doesNotMatch(errorMessage(`${scheme}://s3user:${end}`) ?? "", /s3c|cret/, scheme);
  });

  test("but a host and a port that are wrong are shown", () => {
    assert.match(errorMessage("http://db.example:99999/x") ?? "", /"http:\/\/db.example:99999\/x"/);
    assert.match(errorMessage("db.example:5432") ?? "", /"db.example:5432"/);
    assert.match(errorMessage("gprc://[::1]:80/a") ?? "", /"gprc:\/\/\[::1\]:80\/a"/);
  });
});

/** What is refused, is refused with a HealthError; a target that is valid says nothing. */
function errorMessage(target: string): string | undefined {
  try {
    openTarget(target).close();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof HealthError, `${target}: ${error}`);
    return error.message;
  }
}
