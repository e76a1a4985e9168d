/**
 * The report of `healthbridge test` as text: aligned, and with colour on a terminal.
 *
 *     target     https://shop.internal/health
 *     lookup     shop.internal: 10.0.0.1, 10.0.0.2 (1.2 ms)
 *     attempt    10.0.0.1:443: failed after 0.3 ms: connect ECONNREFUSED 10.0.0.1:443
 *     verdict    fail: refused (the target refused the connection)
 */
import { styleText } from "node:util";
import { formatDuration } from "../core/duration.js";
import { printable } from "../core/printable.js";
import type {
  AttemptReport,
  CertificateReport,
  LookupReport,
  TestReport,
  TestVerdict,
  Times,
  TlsReport,
} from "./test-report.js";

const STYLES: Readonly<Record<TestVerdict, "green" | "yellow" | "red" | "magenta">> = {
  pass: "green",
  warn: "yellow",
  fail: "red",
  "not-probed": "magenta",
};

const LABEL_WIDTH = 11;

/** Names and addresses that are shown in one line. */
const MAX_LISTED = 20;

type Row = readonly [label: string, text: string];

/** Every detail of one probe. */
export function reportText(report: TestReport, colour: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const { verdict } = report;
  const lines = rowsOf(report).map(([label, text]) => {
    const shown = printable(text);
    return `${paint("gray", label.padEnd(LABEL_WIDTH))}${label === "verdict" ? paint(STYLES[verdict], shown) : shown}\n`;
  });
  return lines.join("");
}

/** One probe in one line. */
export function reportLine(report: TestReport, nameWidth: number, colour: boolean): string {
  const { check, verdict, reason, detail, times } = report;
  const word = verdict.padEnd("not-probed".length);
  const shown = colour ? styleText(STYLES[verdict], word, { validateStream: false }) : word;
  const parts = [reason, detail].filter((text) => text !== null).join(": ");
  const line = `${printable(check ?? "").padEnd(nameWidth)}  ${formatMs(times.totalMs).padStart(10)}  ${printable(parts)}`;
  return `${shown}  ${line.trimEnd()}\n`;
}

function rowsOf(report: TestReport): readonly Row[] {
  const { check, target, expected, lookups, attempts, tls, times, timeoutMs, detail, advice, reason } = report;
  const isProbed = times.totalMs > 0;
  return [
    ...optional("check", check),
    ["target", target],
    ...column("expected", expected),
    ...column("lookup", lookups.map(lookupText)),
    ...column("attempt", attempts.map(attemptText)),
    ...(tls === null ? [] : column("tls", tlsLines(tls))),
    ...(isProbed ? [["times", `${timesText(times)} (timeout ${formatDuration(timeoutMs)})`] as const] : []),
    ...optional("found", detail),
    ...optional("advice", advice),
    ["verdict", verdictText(report)],
    ...(reason === null ? [] : [["more", `docs/troubleshooting.md#${reason.toLowerCase()}`] as const]),
  ];
}

function optional(label: string, text: string | null): readonly Row[] {
  return text === null ? [] : [[label, text]];
}

/** The label stands before the first line alone. */
function column(label: string, lines: readonly string[]): readonly Row[] {
  return lines.map((line, index) => [index === 0 ? label : "", line]);
}

function lookupText({ name, addresses, error, durationMs }: LookupReport): string {
  const took = durationMs === null ? "not finished" : formatMs(durationMs);
  if (error !== null) return `${name}: ${error} (${took})`;
  return `${name}: ${listed(addresses) || "no address"} (${took})`;
}

function attemptText({ address, outcome, error, durationMs }: AttemptReport): string {
  const after = durationMs === null ? "" : ` after ${formatMs(durationMs)}`;
  return `${address}: ${outcome}${after}${error === null ? "" : `: ${error}`}`;
}

function tlsLines({ version, cipher, protocol, serverName, trusted, error, chain }: TlsReport): readonly string[] {
  const name = serverName === null ? "no server name (SNI)" : `server name ${serverName}`;
  const trust = trusted === true ? "trusted" : `not trusted${error === null ? "" : `: ${error}`}`;
  return [
    [version, cipher, name, ...(protocol === null ? [] : [`ALPN ${protocol}`])].join(", "),
    `certificate: ${trust}`,
    ...chain.flatMap(certificateLines),
  ];
}

function certificateLines(certificate: CertificateReport, index: number): readonly string[] {
  const { subject, issuer, names, validFrom, validTo, daysLeft } = certificate;
  const days = daysLeft < 0 ? `expired ${-daysLeft} days ago` : `${daysLeft} days left`;
  return [
    `${index + 1}. ${subject}`,
    `   issued by ${issuer}`,
    ...(names.length === 0 ? [] : [`   names ${listed(names)}`]),
    `   ${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}, ${days}`,
  ];
}

function timesText({ dnsMs, connectMs, tlsMs, firstByteMs, totalMs }: Times): string {
  const parts = [
    ["DNS", dnsMs],
    ["connect", connectMs],
    ["TLS", tlsMs],
    ["first byte", firstByteMs],
    ["total", totalMs],
  ] as const;
  return parts.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${formatMs(ms)}`])).join(", ");
}

function verdictText({ verdict, reason, meaning }: TestReport): string {
  const word = verdict === "not-probed" ? "not probed" : verdict;
  if (reason === null) return word;
  return `${word}: ${reason}${meaning === null ? "" : ` (${meaning})`}`;
}

function listed(texts: readonly string[]): string {
  const more = texts.length - MAX_LISTED;
  return `${texts.slice(0, MAX_LISTED).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

function formatMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
