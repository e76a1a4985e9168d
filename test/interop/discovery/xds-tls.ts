/** Certificates for a discovery listener with mTLS, and for its readers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { certify, createSubject } from "../../support/certificates.js";
import type { DiscoveryDaemonOptions } from "./discovery-daemon.js";

/** Writes the files into a folder: ca.pem, server.pem and server.key, client.pem and client.key. */
function writeCertificates(directory: string): void {
  const file = (name: string) => join(directory, name);
  const authority = createSubject("authority");
  writeFileSync(file("ca.pem"), certify(authority));
  for (const name of ["server", "client"]) {
    const subject = createSubject(name);
    writeFileSync(file(`${name}.pem`), certify(subject, { issuer: authority, hosts: ["localhost", "127.0.0.1"] }));
    writeFileSync(file(`${name}.key`), subject.key, { mode: 0o600 });
  }
}

/** A daemon that asks the readers of discovery for certificates, and for no token. */
export function withMutualTls(directory: string): DiscoveryDaemonOptions {
  writeCertificates(directory);
  const file = (name: string) => join(directory, name);
  const files = `certFile: ${file("server.pem")}, keyFile: ${file("server.key")}, clientCaFile: ${file("ca.pem")}`;
  return { withToken: false, more: `tls: { ${files} }` };
}
