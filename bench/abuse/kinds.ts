/** The kinds of abuse, and which servers can be asked each. */
import { type Asked, type Attack, multiplexed, pipelined, slow, unread } from "./attacks.js";
import type { Contender } from "./contenders.js";

/** One kind: the attack on a server; `undefined` where it cannot be asked. */
export interface Kind {
  readonly name: string;
  readonly attackOn: (contender: Contender) => Attack | undefined;
}

const JSON_TYPE = "application/health+json";
const HEALTH = "/grpc.health.v1.Health";

const list: Asked = { path: `${HEALTH}/List`, message: Buffer.alloc(0) };
const check: Asked = { path: `${HEALTH}/Check`, message: Buffer.from([0x0a, 3, 0x61, 0x2e, 0x42]) };
/** `file_containing_symbol` with the name of the health service. */
const reflection: Asked = {
  path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  message: Buffer.from("\u0022\u0015grpc.health.v1.Health"),
};

/** The page with the longest answer that a server has. */
function pageOf({ isOurs, page }: Contender): Asked | undefined {
  if (isOurs) return { path: "/readyz", accept: JSON_TYPE };
  return page === undefined ? undefined : { path: page };
}

const onPage = (contender: Contender, protocol: "HTTP/1" | "HTTP/2", make: (asked: Asked) => Attack) => {
  const asked = pageOf(contender);
  return asked !== undefined && contender.speaks.includes(protocol) ? make(asked) : undefined;
};

const onOurs = (attack: Attack) => (contender: Contender) => (contender.isOurs ? attack : undefined);

/** The kind without abuse: what the machine itself costs. */
export const QUIET = "nothing";

/** These are bursts, and answers that clients do not read. */
export const KINDS: readonly Kind[] = [
  { name: QUIET, attackOn: () => async () => {} },
  { name: "pipelined pages", attackOn: (each) => onPage(each, "HTTP/1", (asked) => pipelined(() => asked)) },
  { name: "multiplexed pages", attackOn: (each) => onPage(each, "HTTP/2", (asked) => multiplexed(() => asked)) },
  {
    name: "verbose, distinct excludes",
    attackOn: onOurs(pipelined((index) => ({ path: `/readyz?verbose&exclude=check-of-some-service-${index}` }))),
  },
  { name: "pipelined /metrics", attackOn: onOurs(pipelined(() => ({ path: "/metrics" }))) },
  {
    name: "multiplexed List",
    attackOn: ({ speaks }) => (speaks.includes("gRPC") ? multiplexed(() => list) : undefined),
  },
  {
    name: "multiplexed Check",
    attackOn: ({ speaks }) => (speaks.includes("gRPC") ? multiplexed(() => check) : undefined),
  },
  { name: "multiplexed reflection", attackOn: onOurs(multiplexed(() => reflection)) },
  { name: "HTTP/1, unread", attackOn: (each) => onPage(each, "HTTP/1", (asked) => unread("HTTP/1", () => asked)) },
  { name: "HTTP/2, window 0", attackOn: (each) => onPage(each, "HTTP/2", (asked) => unread("HTTP/2", () => asked)) },
  {
    name: "List, window 0",
    attackOn: ({ speaks }) => (speaks.includes("gRPC") ? unread("HTTP/2", () => list) : undefined),
  },
  { name: "reflection, window 0", attackOn: onOurs(unread("HTTP/2", () => reflection)) },
  { name: "HTTP/1, 10 KB/s readers", attackOn: (each) => onPage(each, "HTTP/1", (asked) => slow(() => asked)) },
];
