/** The Debian package of this checkout, built once for each test file. */
import { fileURLToPath } from "node:url";
import { buildDeb } from "../../../scripts/deb.js";

const EXECUTABLE = fileURLToPath(new URL("../../../build/healthbridge", import.meta.url));

/** Builds the package without compression. Returns its path. @param version default: that of package.json */
export function debianPackage(folder: string, version?: string): string {
  const architecture = process.arch === "x64" ? "amd64" : "arm64";
  return buildDeb({ architecture, executable: EXECUTABLE, compression: "none", folder, version });
}
