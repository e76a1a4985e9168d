/** Rows for tests of a table. */
import type { ServiceRow } from "../../../src/cli/watch/service-rows.js";
import { titleOf } from "../../../src/cli/watch/service-rows.js";

/** A row with a current status. */
export function row(service: string, status: string | undefined, fields: Partial<ServiceRow> = {}): ServiceRow {
  return {
    ...{ service, title: titleOf(service), status, isCurrent: status !== undefined, fault: undefined },
    ...{ since: undefined, reason: undefined, degraded: undefined, changes: 0 },
    ...fields,
  };
}
