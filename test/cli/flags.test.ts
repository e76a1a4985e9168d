/** Flags as tables: what is read, what is refused, what the help says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeFlags, type Flag, readFlags, UsageError } from "../../src/cli/flags.js";

const FLAGS: readonly Flag[] = [
  { name: "listen", value: "ADDR", repeats: true, fallback: ":1", help: "Where." },
  { name: "timeout", value: "TIME", help: "how long" },
  { name: "verbose", help: "tell more" },
  { name: "help", short: "h", help: "show this" },
];

const read = (...args: string[]) => Object.fromEntries(readFlags(FLAGS, args));

describe("flags", () => {
  const readable: readonly (readonly [string, readonly string[], Readonly<Record<string, readonly string[]>>])[] = [
    ["none are an empty map", [], {}],
    ["a value may follow", ["--timeout", "5s"], { timeout: ["5s"] }],
    ["a value may be joined by =", ["--timeout=5s"], { timeout: ["5s"] }],
    ["a value may hold =", ["--listen=a=b=c"], { listen: ["a=b=c"] }],
    ["a value may begin with a dash", ["--timeout", "-5s"], { timeout: ["-5s"] }],
    [
      "a flag that repeats keeps every value in order",
      ["--listen", "b", "--listen=a", "--listen", "b"],
      { listen: ["b", "a", "b"] },
    ],
    ["a switch is true", ["--verbose"], { verbose: ["true"] }],
    ["a short name means the long one", ["-h"], { help: ["true"] }],
    ["two dashes alone end nothing when nothing follows", ["--verbose", "--"], { verbose: ["true"] }],
  ];
  for (const [label, args, values] of readable) test(label, () => assert.deepEqual(read(...args), values));

  const refused: readonly (readonly [string, readonly string[], string])[] = [
    ["an unknown flag, with the nearest", ["--listn", "x"], "unknown flag --listn; did you mean --listen?"],
    ["an unknown flag that begins a known one", ["--verb"], "unknown flag --verb; did you mean --verbose?"],
    ["an unknown flag like none", ["--zzzzzz"], "unknown flag --zzzzzz"],
    ["an unknown short flag", ["-z"], "unknown flag -z"],
    ["a negated switch", ["--no-verbose"], "unknown flag --no-verbose; did you mean --verbose?"],
    ["a name that every object has", ["--constructor"], "unknown flag --constructor"],
    ["the name of the prototype", ["--__proto__=x"], "unknown flag --__proto__"],
    ["a missing value at the end", ["--timeout"], "--timeout needs a value: --timeout TIME"],
    ["an empty value", ["--timeout="], "--timeout needs a value: --timeout TIME"],
    ["an empty value that follows", ["--timeout", ""], "--timeout needs a value: --timeout TIME"],
    ["a value for a switch", ["--verbose=yes"], "--verbose takes no value"],
    ["a flag given twice", ["--timeout", "1s", "--timeout", "2s"], "--timeout is given twice"],
    ["a switch given twice", ["--verbose", "--verbose"], "--verbose is given twice"],
    ["a switch given twice under two names", ["-h", "--help"], "--help is given twice"],
    ["a stray word", ["serve"], 'unexpected argument "serve"'],
    ["a stray word behind two dashes", ["--", "--timeout"], 'unexpected argument "--timeout"'],
    ["a stray word, its control characters escaped", ["\u001b[2J"], 'unexpected argument "\\u001b[2J"'],
  ];
  const named: readonly (readonly [string, readonly string[], string])[] = [
    ["a second word", ["1s", "2s"], 'unexpected argument "2s"'],
    ["a word behind its flag", ["--timeout", "1s", "2s"], 'unexpected argument "2s"'],
    ["an empty word", [""], "an argument is empty: expected TIME"],
  ];
  for (const [label, args, message] of named) {
    test(`${label} is refused, where one word stands for a flag`, () =>
      assert.throws(() => readFlags(FLAGS, args, "timeout"), new UsageError(message)));
  }

  for (const [label, args, message] of refused) {
    test(`${label} is refused`, () => assert.throws(() => read(...args), new UsageError(message)));
  }

  test("the help has a line for each flag, in columns", () => {
    assert.equal(
      describeFlags(FLAGS),
      [
        "      --listen ADDR   Where. (default: :1)",
        "      --timeout TIME  how long",
        "      --verbose       tell more",
        "  -h, --help          show this",
      ].join("\n"),
    );
  });
});
