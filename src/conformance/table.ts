/** All rows, in the order of the report. The tables of docs/conformance-tool.md are made of it. */
import { CONTROL_ROWS } from "./control-rows.js";
import { GRPC_ANSWER_ROWS } from "./grpc-answer-rows.js";
import { GRPC_CALL_ROWS } from "./grpc-call-rows.js";
import { GRPC_MESSAGE_ROWS } from "./grpc-message-rows.js";
import { HEALTH_CHECK_ROWS } from "./health-check-rows.js";
import { HEALTH_WATCH_ROWS } from "./health-watch-rows.js";
import { HTTP2_CONNECTION_ROWS } from "./http2-connection-rows.js";
import { HTTP2_ERROR_ROWS } from "./http2-error-rows.js";
import { HTTP2_STREAM_ROWS } from "./http2-stream-rows.js";
import type { ConformanceRow, RowGroup } from "./row.js";

/** The titles of the groups. */
export const GROUPS: Readonly<Record<RowGroup, string>> = {
  health: "The health protocol",
  grpc: "gRPC over HTTP/2",
  http2: "HTTP/2",
};

const ALL: readonly ConformanceRow[] = [
  ...HEALTH_CHECK_ROWS,
  ...HEALTH_WATCH_ROWS,
  ...CONTROL_ROWS,
  ...GRPC_ANSWER_ROWS,
  ...GRPC_MESSAGE_ROWS,
  ...GRPC_CALL_ROWS,
  ...HTTP2_CONNECTION_ROWS,
  ...HTTP2_STREAM_ROWS,
  ...HTTP2_ERROR_ROWS,
];

const GROUP_ORDER: readonly string[] = Object.keys(GROUPS);

export const ROWS: readonly ConformanceRow[] = ALL.toSorted(
  (one, other) =>
    Number(one.isLast ?? false) - Number(other.isLast ?? false) ||
    GROUP_ORDER.indexOf(one.group) - GROUP_ORDER.indexOf(other.group),
);
