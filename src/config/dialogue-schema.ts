/** The shape of `dialogue`: a list of steps, each with what is sent and what must come back. */
import * as v from "valibot";
import { START_TLS_PROTOCOLS } from "../probers/starttls.js";
import { choice, group, isTable, kindOf, oneOf, text } from "./schema-parts.js";

const HEX = group({ hex: text("Bytes in hexadecimal: 0d 0a.") }, "Bytes.");

const PATTERN = group(
  { matches: text("An RE2 regular expression that a part of the answer must match.") },
  "A pattern.",
);

const SENT_TEXT = text("What is sent: a text, or bytes in hexadecimal. Nothing is added: a line needs its own \\r\\n.");

const EXPECTED_TEXT = text("What the answer must contain: a text, bytes in hexadecimal, or a pattern.");

/** Every rule that is not about the shape stands in `probers/dialogue`. */
export const DIALOGUE = v.pipe(
  v.array(
    group(
      {
        send: v.optional(choice(v.union([SENT_TEXT, HEX]), (input) => (isTable(input) ? HEX : SENT_TEXT))),
        expect: v.optional(
          choice(v.union([EXPECTED_TEXT, HEX, PATTERN]), (input) => {
            if (!isTable(input)) return EXPECTED_TEXT;
            return Object.hasOwn(input, "hex") ? HEX : PATTERN;
          }),
        ),
        startTls: v.optional(
          oneOf(START_TLS_PROTOCOLS, "Only tcp, first step: the protocol in which the server is asked for TLS."),
        ),
      },
      "A step.",
    ),
    ({ input }) => `must be a list of steps, such as [{ send: "PING\\r\\n", expect: PONG }], not ${kindOf(input)}`,
  ),
  v.description("What is sent to the target, and what must come back, step by step."),
);
