/** What the process under test serves, and where: for the process and for its clients. */
import type { ServingStatus } from "../../../src/core/serving-status.js";

/** The listeners of the process. */
export type Listener = "clear" | "tls" | "token" | "large" | "middleware" | "added" | "proxied";

/** Services on every listener. */
export const NAMES: Readonly<Record<string, ServingStatus>> = {
  up: "SERVING",
  down: "NOT_SERVING",
  unset: "UNKNOWN",
};

/** The token of List, of the pages and of the heartbeat. */
export const TOKEN = "fuzz-token";

/** A method that answers by its status code alone. */
export const STATUS_CODE_PATH = "/AWS.ALB/healthcheck";

/** Services of the listener `large`: as many as one List may have. */
export const LARGE = 10_000;
