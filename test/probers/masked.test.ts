/** A target that echoes its credentials does not get them into a result or an error. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { maskSecrets } from "../../src/probers/masked.js";
import { fail, PASS, type Prober, ProberError } from "../../src/probers/prober.js";
import { contextOf } from "./probing.js";

const CONTEXT = contextOf(1_000, new AbortController().signal);
const PASSWORD = "p@ss/wörd+1";
const URL_TEXT = `https://admin:${encodeURIComponent(PASSWORD)}@db.example/`;
const HEADERS = { Authorization: "Bearer abcdefgh12345", "X-Api-Key": "0123-4567-89", Accept: "text/plain" };

const proberOf = (probe: Prober["probe"]): Prober => ({ probe, close: () => {} });
const maskedDetail = async (detail: string) =>
  (
    await maskSecrets(
      proberOf(async () => fail("status", detail)),
      URL_TEXT,
      { headers: HEADERS },
    ).probe(CONTEXT)
  ).detail;

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("a credential is masked", () => {
  for (const [form, echoed] of [
    ["as it is", PASSWORD],
    ["percent-encoded", encodeURIComponent(PASSWORD)],
    ["as base64", base64(PASSWORD)],
    ["as Basic", `Basic ${base64(`admin:${PASSWORD}`)}`],
    ["in JSON", JSON.stringify(PASSWORD)],
    ["of a header, whole", HEADERS.Authorization],
    ["of a header, without its scheme", "abcdefgh12345"],
    ["of a header with another name", HEADERS["X-Api-Key"]],
    ["twice", `${PASSWORD} ${PASSWORD}`],
  ] as const)
    test(form, async () => {
      const detail = (await maskedDetail(`refused: ${echoed} is wrong`)) ?? "";
      assert.match(detail, /^refused: .*\*\*\*.* is wrong$/);
      for (const part of ["wörd", "w%C3%B6rd", "abcdefgh", "4567", base64(PASSWORD).slice(0, 8)])
        assert.ok(!detail.includes(part), detail);
      assert.ok(!detail.includes(base64(`admin:${PASSWORD}`).slice(8, 16)), detail);
    });

  for (const [form, url, echoed] of [
    ["of a user name alone over HTTP, as it is", "https://tok-12345@db.example/", "tok-12345"],
    ["of a user name alone over HTTP, as Basic", "flower+http://tok-12345@db.example/", base64("tok-12345:")],
    [
      "of a query parameter",
      "http://db.example/health?verbose=1&api_key=k%2F123456",
      "/health?verbose=1&api_key=k%2F123456",
    ],
    ["of a query parameter, decoded", "http://db.example/health?Token=k%2F123456", "k/123456"],
  ] as const)
    test(form, async () => {
      const prober = maskSecrets(
        proberOf(async () => fail("status", `refused: ${echoed}`)),
        url,
        {},
      );
      const { detail = "" } = await prober.probe(CONTEXT);
      assert.match(detail, /^refused: .*\*\*\*$/);
      assert.doesNotMatch(detail, /12345|dG9rLTEy/);
    });

  test("a user name of a database is none", async () => {
    const prober = maskSecrets(
      proberOf(async () => fail("auth", 'no role "postgres"')),
      "postgres://postgres@db/",
      {},
    );
    assert.equal((await prober.probe(CONTEXT)).detail, 'no role "postgres"');
  });

  test("that is cut at the end of a detail", async () => {
    const { detail = "" } = fail("status", `${"x".repeat(290)}${HEADERS.Authorization}`);
    assert.equal(await maskedDetail(detail), `${"x".repeat(290)}***`);
  });

  test("in an error, its stack and its causes, which keep their type", async () => {
    const cause = new Error(`login as ${PASSWORD}`);
    const error = new ProberError("prober", `cannot use ${HEADERS.Authorization}`, { cause });
    const masked = maskSecrets(
      proberOf(() => Promise.reject(error)),
      URL_TEXT,
      { headers: HEADERS },
    );
    await assert.rejects(masked.probe(CONTEXT), (thrown: ProberError) => {
      assert.ok(thrown instanceof ProberError);
      assert.equal(thrown.reason, "prober");
      const texts = [thrown.message, thrown.stack, (thrown.cause as Error).message, (thrown.cause as Error).stack];
      for (const text of texts) assert.doesNotMatch(text ?? "", /wörd|abcdefgh/);
      return true;
    });
  });
});

describe("nothing but padding is left of a credential", () => {
  // with what JSON, URLs and the two alphabets of base64 write in different ways
  for (const password of ['quo"te\\back', "p/ä ss&x", "~?>~?>ÿÿ", "~?>~?>ÿ"])
    for (const user of ["u", "us", "use"])
      for (const [form, echoed] of [
        ["as it is", password],
        ["in JSON", JSON.stringify(password).slice(1, -1)],
        ["as a part of a URL", encodeURIComponent(password)],
        ["in a URL", encodeURI(password)],
        ["as base64", base64(password)],
        ["as base64url", Buffer.from(password).toString("base64url")],
        ["as Basic", base64(`${user}:${password}`)],
      ] as const)
        test(`${form}: ${JSON.stringify(password)} of ${user}`, async () => {
          const url = `https://${user}:${encodeURIComponent(password)}@db.example/`;
          const prober = proberOf(async () => fail("status", `refused: ${echoed} is wrong`));
          const { detail = "" } = await maskSecrets(prober, url, {}).probe(CONTEXT);
          assert.match(detail, /^refused: \*\*\*.?=* is wrong$/);
        });
});

test("of two credentials that begin alike, nothing of the longer one is left", async () => {
  const headers = { "X-Key": "abcdefgh", Cookie: "abcdefgh-and-more" };
  const prober = proberOf(async () => fail("status", `refused: ${headers.Cookie}`));
  const { detail } = await maskSecrets(prober, "http://db.example/", { headers }).probe(CONTEXT);
  assert.equal(detail, "refused: ***");
});

describe("options are credentials too", () => {
  for (const [label, options, echoed, expected] of [
    ["a password", { password: "s3cret/word" }, "for s3cret/word now", "for *** now"],
    ["a password, percent-encoded in small letters", { password: "s3cret/word" }, "for s3cret%2fword", "for ***"],
    ["a password, as a form has it", { password: "s3 cret&word" }, "p=s3+cret%26word", "p=***"],
    ["a user and a password, as Basic", { user: "u", password: "pw1" }, base64("u:pw1"), "***"],
    ["a user alone, which is a token", { user: "tok-12345" }, "tok-12345 is unknown", "*** is unknown"],
    [
      "a value that was cut",
      { password: "s3cret-word" },
      'x is "s3cret-w...", expected 1',
      'x is "***...", expected 1',
    ],
    [
      "a body with a password",
      { body: "user=me&password=s3cret%2Fword" },
      "got s3cret/word, s3cret%2Fword",
      "got ***, ***",
    ],
    ["a body in JSON", { body: '{"user": "me", "token": "s3cret-word"}' }, "me: s3cret-word", "me: ***"],
    ["a body without a secret stays", { body: "ping" }, "ping? pong", "ping? pong"],
    ["a short password, as a word", { password: "no" }, "not known: 'no', u:no@h", "not known: '***', u:***@h"],
    ["a password of one character", { password: "x" }, "x is not x1", "*** is not x1"],
  ] as const)
    test(label, async () => {
      const prober = proberOf(async () => fail("status", echoed));
      assert.equal((await maskSecrets(prober, "http://db.example/", options).probe(CONTEXT)).detail, expected);
    });

  test("a short value of a parameter or header is a switch", async () => {
    const prober = proberOf(async () => fail("status", "1 of 2, passing is true"));
    const url = "http://db.example/?auth=1&passing=true";
    assert.equal((await maskSecrets(prober, url, {}).probe(CONTEXT)).detail, "1 of 2, passing is true");
  });

  test("a parameter is masked as it is written", async () => {
    const prober = proberOf(async () => fail("status", "/health?key=a+b%2dcd is refused"));
    const { detail } = await maskSecrets(prober, "http://db.example/health?key=a+b%2dcd", {}).probe(CONTEXT);
    assert.equal(detail, "/health?key=*** is refused");
  });
});

test("other text stays as it is", async () => {
  assert.equal(await maskedDetail("status 500: text/plain, admin"), "status 500: text/plain, admin");
});

test("a target without credentials keeps its prober", () => {
  const prober = proberOf(async () => PASS);
  // not assert.equal: the difference of two functions cannot be sent to the process that runs the tests
  assert.ok(maskSecrets(prober, "http://db.example/", { headers: { Accept: "text/plain" } }) === prober);
});

test("what a prober can do beside a probe stays", () => {
  const calls: string[] = [];
  const prober: Prober = {
    probe: async () => PASS,
    cancel: () => void calls.push("cancel"),
    onChange: () => void calls.push("onChange"),
    close: () => void calls.push("close"),
  };
  const masked = maskSecrets(prober, URL_TEXT, {});
  masked.cancel?.();
  masked.onChange?.(() => {});
  masked.close();
  assert.deepEqual(calls, ["cancel", "onChange", "close"]);
  assert.equal(
    maskSecrets(
      proberOf(async () => PASS),
      URL_TEXT,
      {},
    ).cancel,
    undefined,
  );
});

test("what a dialogue sends is masked where the target repeats it, but for the first word of a line", async () => {
  const prober = maskSecrets(
    proberOf(async () =>
      fail("timeout", 'step 1: expected text "OK", got "-ERR unknown: AUTH p#ss/w0rd bearer-token"'),
    ),
    "tcp://db.example:1",
    { dialogue: [{ send: "AUTH p#ss/w0rd\r\nbearer-token\r\n" }, { send: { hex: "00" } }] },
  );
  const { detail } = await prober.probe(CONTEXT);
  assert.equal(detail, 'step 1: expected text "OK", got "-ERR unknown: AUTH *** ***"');
});
