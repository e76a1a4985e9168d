/** The complete settings of a check, of settings that must be right. */
import { readSettings, violationOf } from "../../src/checks/read-settings.js";
import type { CheckSettings, CompleteSettings } from "../../src/checks/settings.js";
import { throwViolations } from "../../src/checks/violation.js";

/** @throws HealthError INVALID_OPTION with the check, and every setting that is wrong */
export function completeSettings(check: string, given: CheckSettings): CompleteSettings {
  const { settings, faults } = readSettings(given);
  throwViolations(faults.map((fault) => violationOf(fault, ["checks", check])));
  return settings;
}
