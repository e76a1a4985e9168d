/** Texts of any length, each of a kind that costs a careless reader more than its length. */

/** Rows until the text has `length` characters. */
function rows(length: number, row: (index: number) => string, separator = ""): string {
  const texts: string[] = [];
  for (let [index, sum] = [0, 0]; sum < length; index += 1) {
    const text = row(index);
    texts.push(text);
    sum += text.length + separator.length;
  }
  return texts.join(separator);
}

const checks = (length: number, row: (index: number) => string) => `checks:\n${rows(length, row)}`;
const list = (length: number, item: (index: number) => string) => `[${rows(length, item, ", ")}]`;
const ONE_CHECK = "checks: { a: tcp://h:1 }\n";

/** Makes a text of about `length` characters. */
type Kind = (length: number) => string;

/** Valid files. */
export const VALID: Readonly<Record<string, Kind>> = {
  "checks in one line each": (n) =>
    checks(n, (i) => `  check-${i}: { target: "http://127.0.0.1:${1 + i}/", interval: 10s, timeout: 1s }\n`),
  "checks that are URLs": (n) => checks(n, (i) => `  c${i}: tcp://h:1\n`),
  "checks in blocks": (n) => checks(n, (i) => `  c${i}:\n    target: tcp://h:1\n    services:\n      - s${i % 100}\n`),
  "checks with services": (n) => checks(n, (i) => `  c${i}: { target: "tcp://h:1", services: [a${i}, b${i % 7}] }\n`),
  "checks with anchors": (n) => checks(n, (i) => `  c${i}: &a${i} tcp://h:1\n`),
  "a chain of services": (n) => `${ONE_CHECK}services:\n  s0: [a]\n${rows(n, (i) => `  s${i + 1}: [s${i}]\n`)}`,
  "a diamond of services": (n) =>
    `${ONE_CHECK}services:\n  l0: [a]\n  r0: [a]\n${rows(n, (i) => `  l${i + 1}: [l${i}, r${i}]\n  r${i + 1}: [l${i}, r${i}]\n`)}`,
  "wide services": (n) => {
    const names = Array.from({ length: Math.floor(Math.sqrt(n / 8)) }, (_, i) => `c${i}`);
    const services = rows(n - 20 * names.length, (i) => `  s${i}: [${names.join(", ")}]\n`);
    return `checks:\n${names.map((name) => `  ${name}: tcp://h:1\n`).join("")}services:\n${services}`;
  },
  JSON: (n) => `{"checks":{${rows(n, (i) => `"c${i}":{"target":"tcp://h:1","interval":"5s"}`, ",")}}}`,
  "a file named again and again": (n) =>
    checks(n, (i) => `  c${i}: { target: "http://h/", headers: { x: "\${file:/proc/sys/kernel/ostype}" } }\n`),
  "checks that merge a table": (n) =>
    `x-d: &d { interval: 10s, timeout: 1s }\n${checks(n, (i) => `  c${i}: { <<: *d, target: "tcp://h:1" }\n`)}`,
  "keys that are ignored": (n) => `${rows(n, (i) => `x-${i}: { a: [1, &a${i} b], c: "\${NOPE}" }\n`)}checks: {}\n`,
  "a long duration": (n) => `drainDelay: ${"1s".repeat(n / 2)}\n`,
  comments: (n) => `${"# c\n".repeat(n / 4)}checks: {}\n`,
  "blank lines": (n) => `${"\n".repeat(n)}checks: {}\n`,
};

/** Files that are refused. */
export const INVALID: Readonly<Record<string, Kind>> = {
  headers: (n) => `checks: { a: { target: 'http://h/', headers: {${rows(n, (i) => `h${i}: v`, ", ")}} } }`,
  statuses: (n) => `checks: { a: { target: 'http://h/', expect: { status: ${list(n, () => "200")} } } }`,
  "services of one check": (n) => `checks: { a: { target: 'tcp://h:1', services: ${list(n, (i) => `s${i}`)} } }`,
  "arguments of one program": (n) => `allowExec: true\nchecks: { a: { exec: ${list(n, () => "/bin/true")} } }`,
  "paths in the JSON of one answer": (n) =>
    `checks: { a: { target: 'http://h/', expect: { json: {${rows(n, (i) => `k${i}: 1`, ", ")}} } } }`,
  "an unknown key in each check": (n) => checks(n, (i) => `  c${i}: { target: "tcp://h:1", timout: 1s }\n`),
  "unknown keys of one check": (n) => `checks: { a: { target: 'tcp://h:1', ${rows(n, (i) => `k${i}: 1`, ", ")} } }`,
  "unknown keys of the file": (n) => rows(n, (i) => `key${i}: 1\n`),
  "a wrong value in each check": (n) => checks(n, (i) => `  c${i}: { target: "tcp://h:1", interval: 5 parsecs }\n`),
  "a missing value in each check": (n) => checks(n, (i) => `  c${i}: { heartbeat: {} }\n`),
  "a wrong target in each check": (n) => checks(n, (i) => `  c${i}: ftp://h${i}\n`),
  "a broken rule in each check": (n) =>
    checks(n, (i) => `  c${i}: { target: "tcp://h:1", interval: 1s, timeout: 2s }\n`),
  "wrong items of a list": (n) => `paths: ${list(n, () => "{}")}`,
  "equal items of a list": (n) => `statusCodePaths: ${list(n, () => "/a.b/c")}`,
  "equal keys": (n) => checks(n, () => "  a: tcp://h:1\n"),
  "unknown members": (n) => `${ONE_CHECK}services:\n  s: ${list(n, (i) => `m${i}`)}`,
  "unknown members beside many names": (n) =>
    `${checks(n / 2, (i) => `  check${i}: tcp://h:1\n`)}services:\n  s: ${list(n / 2, (i) => `chekc${i}`)}`,
  "names with two owners": (n) =>
    `${checks(n / 2, (i) => `  c${i}: tcp://h:1\n`)}services:\n${rows(n / 2, (i) => `  c${i}: [c${i}]\n`)}`,
  "a cycle of services": (n) =>
    `services:\n  s0: [s${Math.floor(n / 16)}]\n${Array.from({ length: n / 16 }, (_, i) => `  s${i + 1}: [s${i}]\n`).join("")}`,
  "anchors, each with its alias": (n) => `paths:\n${rows(n, (i) => `  - &a${i} x\n  - *a${i}\n`)}`,
  "unknown aliases": (n) => `paths: ${list(n, (i) => `*a${i}`)}`,
  "a chain of aliases": (n) => `x0: &a0 [x]\n${rows(n, (i) => `x${i + 1}: &a${i + 1} [*a${i}]\n`)}`,
  "a list by alias in each service": (n) =>
    `services:\n  s: &all ${list(3_000, (i) => `c${i}`)}\n${rows(n, (i) => `  s${i}: *all\n`)}`,
  "aliases of aliases": (n) =>
    `x0: &a0 [x]\n${rows(n, (i) => `x${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(", ")}]\n`)}`,
  "merges of merges": (n) =>
    `x-0: &a0 { k: tcp://h:1 }\n${rows(n, (i) => `x-${i + 1}: &a${i + 1} { <<: [${Array(10).fill(`*a${i}`).join(", ")}] }\n`)}checks: { <<: *a40 }\n`,
  "a long table merged into each check": (n) =>
    `x-d: &d { ${rows(2_000, (i) => `k${i}: 1`, ", ")} }\n${checks(n, (i) => `  c${i}: { <<: *d }\n`)}`,
  "merge keys of nothing": (n) => checks(n, (i) => `  c${i}: { <<: }\n`),
  "deep lists": (n) => `paths: ${"[".repeat(n / 2)}${"]".repeat(n / 2)}`,
  "deep tables": (n) => `checks: ${"{a: ".repeat(n / 5)}${"}".repeat(n / 5)}`,
  "open lists": (n) => `paths: ${"[".repeat(n)}`,
  "lists in lists in one line": (n) => `paths:\n${"- ".repeat(n / 2)}a`,
  "keys of keys": (n) => `${"? ".repeat(n / 2)}a`,
  "a deep value with long keys": (n) =>
    `${Array.from({ length: 90 }, () => `? ${"k".repeat(n / 180)}\n: {`).join("")}x: ${list(n / 2, () => "1")}${"}".repeat(90)}`,
  "a long text": (n) => `paths: ${"a".repeat(n)}`,
  "a folded text": (n) => `paths: >\n${"  a\n".repeat(n / 4)}`,
  "long keys": (n) => checks(n, (i) => `  ? ${"a".repeat(5_000)}${i}\n  : tcp://h:1\n`),
  "variables with defaults": (n) => `paths: "${"${A:-bcdef}".repeat(n / 11)}"`,
  "many different secrets": (n) => checks(n, (i) => `  c${i}: { target: "tcp://h:1", interval: "\${A:-value${i}}" }\n`),
  "variables that are not set": (n) => checks(n, (i) => `  c${i}: "\${A${i}}"\n`),
  "a long variable in each check": (n) => checks(n, (i) => `  c${i}: "\${LONG}"\n`),
  "a long variable again and again": (n) => `paths: "${"${LONG}".repeat(n / 7)}"`,
  "dollar signs": (n) => `paths: "${"$".repeat(n - 1)}"`,
  "open braces": (n) => `paths: "${"${".repeat(n / 2)}"`,
  "missing files": (n) => checks(n, (i) => `  c${i}: { target: "http://h/", headers: { x: "\${file:/nope${i}}" } }\n`),
  "text that is not YAML": (n) => rows(n, () => "a b: c: d\n"),
  "open quotes": (n) => rows(n, (i) => `k${i}: "a\n`),
  "NUL characters": (n) => "\0".repeat(n),
};
