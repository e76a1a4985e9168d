/** A file can be validated without its environment: placeholders stand for the values, and all else is judged as usual. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../src/config/fault.js";
import { readConfigText } from "../../src/config/load.js";
import { requireValid, validateConfig } from "../../src/config/validate.js";

function faultsOf(text: string, environment: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    requireValid(validateConfig(readConfigText("f.yaml", text, environment, { withoutEnvironment: true })));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split("\n").map((line) => line.replace(/^f\.yaml:/, ""));
  }
}

const target = (url: string, more = "") => `checks: { a: { target: "${url}"${more} } }`;

describe("a value that is missing passes wherever it stands", () => {
  for (const text of [
    target("${DATABASE_URL}"),
    "checks: { a: '${DATABASE_URL}' }",
    target("${BASE}/health"),
    target("${SCHEME}://host"),
    target("redis://u:${PW}@${HOST}:${PORT}/${DB}"),
    target("tcp://${ADDRESS}"),
    target("grpc://${ADDRESS}/${SERVICE}"),
    target("http://[${IP}]:${PORT}/"),
    target("https://u:${PW}@${HOST}"),
    target("unix://${PATH_OF_SOCKET}"),
    target("unix:///run/${NAME}.sock"),
    target("dns:${NAME}"),
    target("dns://${SERVER}/${NAME}"),
    target("https://${SUB}.example.com/?key=${KEY}"),
    target("http://10.0.${NET}.1/"),
    target("${URL}", ", minWorkers: 2, forgetAfter: 5m"),
    target("${URL}", ", expect: { status: 200 }, tls: { verify: false }"),
    target("http://h/", ', interval: "${INTERVAL}", timeout: 30s'),
    target("http://h/", ', interval: "${N}s", timeout: "${T}"'),
    target("http://h/", ', unhealthyThreshold: "${N}", critical: "${FLAG}", initialState: "${STATE}", jitter: "${J}"'),
    target("http://h/", ', password: "${file:/run/secrets/none}", user: "${U}", headers: { x: "Bearer ${T}" }'),
    target("https://h/", ', tls: { caFile: "${CA}", certFile: "${CERT}", keyFile: "${KEY}" }'),
    target("http://h/", ', expect: { status: "${STATUS}", body: { matches: "${RE}" }, maxLatency: "${L}" }'),
    'checks: { a: { heartbeat: { ttl: "${TTL}", token: "${file:/run/secrets/none}" } } }',
    'allowExec: "${X}"\nchecks: { a: "tcp://h:1" }',
    'listen: ["${A}", "${B}"]\ntokenFile: "${F}"\ntls: { certFile: "${C}", keyFile: "${K}" }',
    'defaults: { interval: "${I}" }\nchecks: { a: { target: "tcp://h:1", timeout: 20s } }',
    'checks: { a: "tcp://h:1" }\nservices: { s: ["${MEMBER}"], q: { quorum: "${N}", of: [a] } }\noverall: "${O}"',
    'isolation: { selfCheck: "${SELF}", maxHold: "${HOLD}" }\nlistLimit: "${LIMIT}"\nengine: "${ENGINE}"',
    'drainDelay: "${D}"\nstateDir: "${S}"\npaths: ["${P}"]',
  ])
    test(text, () => assert.deepEqual(faultsOf(text), []));
});

describe("everything else is judged as usual", () => {
  for (const [text, expected] of [
    [target("htp://u:${PW}@host"), /unknown scheme "htp"/],
    [target("tcp://u:${PW}@host:1"), /takes no name and password/],
    [target("tcp://${HOST}:1/path"), /does not allow the part from "\/" on/],
    [target("redis://${HOST}/db${N}"), /the number of a database/],
    [target("http://169.254.169.254/?x=${X}"), /link-local/],
    [target("tcp://${HOST}:1", ", headers: { a: b }"), /checks\.a\.headers: is not an option/],
    [target("${URL}", ", interval: 5"), /5 has no unit/],
    [target("${URL}", ", intervall: 5s"), /did you mean interval/],
    [target("http://h/", ', interval: "${I}", timeout: 0s'), /timeout: must be a duration above zero/],
    [target("http://h/", ', x: "${1BAD}"'), /\$\{1BAD\} is neither/],
    [target("http://h/", ', password: "a$b"'), /write \$\$ for a dollar sign/],
    ['checks: { a: "${URL}" }\nservices: { a: [a] }', /services\.a: a check has this name already/],
    ['checks: { a: { target: "${URL}", exec: [x] } }', /has both target and exec/],
    ['allowExec: "${X}"\nchecks: { a: { exec: [x] }, b: 5s }', /checks\.b: target "5s"/],
    ["tokenFile: /nowhere/at/all", /cannot read the file \/nowhere\/at\/all/],
    ['checks: { a: "tcp://${HOST}:1" }\nservices: { s: [b] }', /no check or service "b"/],
  ] as const)
    test(text, () => assert.match(faultsOf(text).join("\n"), expected));

  test("a value that is there is judged", () => {
    assert.match(faultsOf(target("tcp://h:${PORT}"), { PORT: "x" }).join("\n"), /target/);
    assert.match(faultsOf('drainDelay: "${D}"', { D: "5 parsecs" }).join("\n"), /is not a duration/);
    assert.deepEqual(faultsOf('drainDelay: "${D:-5s}"'), []);
    assert.match(faultsOf('drainDelay: "${D:-5}"').join("\n"), /\*\*\* has no unit/);
  });
});
