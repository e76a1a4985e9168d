/**
 * `expect.answers` of a `dns:` target: values that must be among the records of the name.
 *
 *     A, AAAA         "10.0.0.1", "2001:db8::1"
 *     CNAME, NS, PTR  "www.example.com"
 *     MX              "10 mail.example.com"
 *     SRV             "0 5 5060 sip.example.com"
 *     TXT             the whole text, without quotation marks: the strings of a record are joined
 *     CAA             0 issue "ca.example.com"
 *
 * The root is a dot: `0 .` is an MX record that says that there is no mail (RFC 7505). Names may be in Unicode. The case of names, and a dot at their end, have no meaning. Further records of the name are allowed.
 */
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import type { RecordType } from "../client/dns-message.js";
import { OptionError } from "../core/option-error.js";
import type { Expectation } from "./options.js";
import { fail, PASS, type ProbeResult } from "./prober.js";

/** Evaluates the records of a name. */
type JudgeAnswers = (answers: readonly string[]) => ProbeResult;

/**
 * Compiles what is expected.
 * @throws HealthError INVALID_OPTION for a value that no record of the type can have
 */
export function compileAnswers(type: RecordType, answers: Expectation["answers"]): JudgeAnswers {
  if (answers === undefined) return () => PASS;
  if (!Array.isArray(answers) || answers.length === 0) throw invalid("must be a list of values");
  const expected = answers.map((answer) => ({ answer, normal: normalForm(type, requireForm(type, answer)) }));
  return (found) => {
    const forms = new Set(found.map((each) => normalForm(type, each)));
    const missing = expected.find(({ normal }) => !forms.has(normal));
    if (missing === undefined) return PASS;
    return fail("answer", `${JSON.stringify(missing.answer)} is not among the answers: ${found.join(", ")}`);
  };
}

const NAME = /^\S+$/;

/** The form of each type: a value of another form would never be found. */
const FORMS: Readonly<Record<RecordType, { readonly test: (text: string) => boolean; readonly example: string }>> = {
  A: { test: isIPv4, example: "10.0.0.1" },
  AAAA: { test: (text) => isIPv6(text) && !text.includes("%"), example: "2001:db8::1" },
  CNAME: { test: (text) => NAME.test(text), example: "www.example.com" },
  NS: { test: (text) => NAME.test(text), example: "ns1.example.com" },
  PTR: { test: (text) => NAME.test(text), example: "host.example.com" },
  MX: { test: (text) => /^\d+\s+\S+$/.test(text), example: "10 mail.example.com" },
  SRV: { test: (text) => /^\d+\s+\d+\s+\d+\s+\S+$/.test(text), example: "0 5 5060 sip.example.com" },
  TXT: { test: () => true, example: "v=spf1 -all" },
  CAA: { test: (text) => /^\d+\s+\w+\s+".*"$/.test(text), example: '0 issue "ca.example.com"' },
  SOA: {
    test: (text) => /^\S+\s+\S+(?:\s+\d+){5}$/.test(text),
    example: "ns1.example.com admin.example.com 1 2 3 4 5",
  },
  NAPTR: { test: (text) => /^\d+\s+\d+\s+".*"\s+\S+$/.test(text), example: '10 100 "S" "SIP+D2U" "" sip.example.com' },
};

function requireForm(type: RecordType, answer: unknown): string {
  const { test, example } = FORMS[type];
  if (typeof answer === "string" && test(answer.trim())) return answer;
  throw invalid(`must be values of records of type ${type}, such as ${example}; got ${JSON.stringify(answer)}`);
}

/** Two texts of the same record have the same form. */
function normalForm(type: RecordType, text: string): string {
  if (type === "TXT") return text;
  if (type === "AAAA") return new URL(`http://[${text.trim()}]`).hostname;
  const plain = text.trim().replace(/\s+/g, " ");
  if (type === "CAA") return plain.replace(/^\d+ \w+/, (head) => head.toLowerCase());
  return plain
    .split(" ")
    .map(toAscii)
    .join(" ")
    .toLowerCase()
    .replace(/(?<=\S)\.(?=\s|$)/g, "");
}

/** A word that is a name in Unicode, as DNS has it. */
function toAscii(word: string): string {
  return /^[\x21-\x7e]*$/.test(word) ? word : domainToASCII(word) || word;
}

function invalid(text: string): OptionError {
  return new OptionError(["expect", "answers"], text);
}
