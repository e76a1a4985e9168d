/** Why the store of a fleet is of no use to a member: the words that clients and operators see. They say nothing of the server. */

const TEXTS = {
  unreachable: "cannot be reached",
  timeout: "does not answer in time",
  refused: "refuses the login or a command",
  "read-only": "is read-only",
  "out-of-memory": "is out of memory",
  "other-node": "is a node of a cluster without the data of the fleet",
  protocol: "gives an unexpected answer",
} as const;

export type StoreFault = keyof typeof TEXTS;

/** Of a member that is detached. @param fault of the last call; another text, or none: it is not known */
export function detachedText(fault = ""): string {
  const isKnown = (word: string): word is StoreFault => Object.hasOwn(TEXTS, word);
  return `the store of the fleet ${isKnown(fault) ? TEXTS[fault] : "does not answer"}; this member decides by its own probes`;
}
