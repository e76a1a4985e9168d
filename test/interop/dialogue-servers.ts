/**
 * Servers that are probed by a dialogue: OpenSSH, Dropbear, memcached, NATS, Redis and its Sentinel, and those that offer TLS
 * on request: Exim, Dovecot, vsftpd and OpenLDAP. Each runs in the foreground with a configuration of its own, on loopback.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DialogueStep } from "../../src/probers/options.js";
import type { StartTlsProtocol } from "../../src/probers/starttls.js";
import { debian, debianUser, installDebian } from "./install.js";
import { Running, run } from "./peers.js";

/** Where a server runs, and what a test varies. */
export interface Place {
  /** Its own, and it exists. */
  readonly folder: string;
  readonly port: number;
  /** Paths of PEM files. Without them, the server offers no TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Further lines of the configuration, or further arguments. */
  readonly more?: readonly string[];
}

type Start = (place: Place) => Running | Promise<Running>;

/** A server, and the dialogue that its page recommends. */
export interface DialogueServer {
  readonly start: Start;
  readonly dialogue: readonly DialogueStep[];
}

/** A server that offers TLS on request, and what is said inside. */
export interface StartTlsServer {
  readonly start: Start;
  readonly protocol: StartTlsProtocol;
  readonly inside: readonly DialogueStep[];
  /** What a client without a common version of TLS gets: some end the connection without an alert. */
  readonly noCommonVersion?: "tls" | "closed";
}

/** Installs the packages of all of them, in one step. */
export function installServers(): void {
  installDebian([
    ...["openssh-server", "dropbear-bin", "memcached", "nats-server", "redis-server", "redis-sentinel"],
    ...["exim4-daemon-light", "dovecot-imapd", "dovecot-pop3d", "vsftpd", "slapd"],
    ...["dnsmasq-base", "unbound", "chrony"],
  ]);
}

const write = (path: string, lines: readonly string[]): string => {
  writeFileSync(path, lines.join("\n"));
  return path;
};

async function startOpenssh({ folder, port, more = [] }: Place): Promise<Running> {
  const program = debian("sshd", "openssh-server");
  mkdirSync("/run/sshd", { recursive: true }); // where its process for the network is locked in
  const key = join(folder, "host-key");
  await run(debian("ssh-keygen", "openssh-client"), ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const lines = [`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${key}`, "PidFile none", "UsePAM no", ...more, ""];
  return new Running(program, ["-D", "-e", "-f", write(join(folder, "sshd.conf"), lines)]);
}

async function startDropbear({ folder, port }: Place): Promise<Running> {
  const key = join(folder, "host-key");
  await run(debian("dropbearkey", "dropbear-bin"), ["-t", "ed25519", "-f", key]);
  const args = ["-F", "-E", "-p", `127.0.0.1:${port}`, "-r", key, "-P", join(folder, "pid")];
  return new Running(debian("dropbear", "dropbear-bin"), args);
}

export const startMemcached = ({ port, more = [] }: Place): Running =>
  new Running(debian("memcached"), ["-u", "nobody", "-l", "127.0.0.1", "-p", `${port}`, "-U", `${port}`, ...more]);

export const startNats = ({ folder, port, more = [] }: Place): Running => {
  const config = write(join(folder, "nats.conf"), [`listen: "127.0.0.1:${port}"`, ...more, ""]);
  return new Running(debian("nats-server"), ["-c", config]);
};

const startRedis: Start = ({ folder, port, more = [] }) =>
  new Running(debian("redis-server"), [
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--dir",
    folder,
    ...more,
  ]);

/** It writes into its file. */
const startSentinel: Start = ({ folder, port, more = [] }) => {
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, ...more, ""];
  return new Running(debian("redis-sentinel"), [write(join(folder, "sentinel.conf"), lines)]);
};

/** GnuTLS offers TLS 1.0 and 1.1 by default. */
const MODERN_GNUTLS = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

const startExim: Start = ({ folder, port, certificate, more = [] }) => {
  const program = debian("exim4", "exim4-daemon-light");
  const { uid, gid } = debianUser("Debian-exim");
  chownSync(folder, uid, gid);
  const tls =
    certificate === undefined
      ? ["tls_advertise_hosts ="]
      : [
          ...["tls_advertise_hosts = *", `tls_require_ciphers = ${MODERN_GNUTLS}`],
          ...[`tls_certificate = ${certificate.cert}`, `tls_privatekey = ${certificate.key}`],
        ];
  const config = write(join(folder, "exim.conf"), [
    ...["keep_environment =", "primary_hostname = mail.test", `spool_directory = ${folder}`],
    ...[`log_file_path = ${folder}/%slog`, ...tls, ...more, ""],
  ]);
  chmodSync(config, 0o644);
  const args = ["-C", config, "-bdf", "-oX", `127.0.0.1:${port}`, "-oP", join(folder, "pid")];
  return new Running(program, args);
};

const startDovecot =
  (protocol: "imap" | "pop3"): Start =>
  ({ folder, port, certificate, more = [] }) => {
    const program = debian("dovecot", `dovecot-${protocol}d`);
    const tls =
      certificate === undefined
        ? ["ssl = no"]
        : ["ssl = yes", `ssl_cert = <${certificate.cert}`, `ssl_key = <${certificate.key}`];
    const config = write(join(folder, "dovecot.conf"), [
      ...[`base_dir = ${join(folder, "run")}`, `state_dir = ${join(folder, "run")}`, "log_path = /dev/stderr"],
      ...["listen = 127.0.0.1", `protocols = ${protocol}`, ...tls],
      `service ${protocol}-login {`,
      ...[`inet_listener ${protocol} {`, `port = ${port}`, "}", `inet_listener ${protocol}s {`, "port = 0", "}"],
      ...["}", "passdb {", "driver = static", "args = password=none", "}", ...more, ""],
    ]);
    return new Running(program, ["-F", "-c", config]);
  };

const startVsftpd: Start = ({ folder, port, certificate, more = [] }) => {
  const program = debian("vsftpd");
  const empty = join(folder, "empty");
  mkdirSync(empty);
  const tls =
    certificate === undefined
      ? []
      : ["ssl_enable=YES", `rsa_cert_file=${certificate.cert}`, `rsa_private_key_file=${certificate.key}`];
  const config = write(join(folder, "vsftpd.conf"), [
    ...["listen=YES", "listen_address=127.0.0.1", `listen_port=${port}`, "background=NO"],
    ...["anonymous_enable=YES", `secure_chroot_dir=${empty}`, ...tls, ...more, ""],
  ]);
  return new Running(program, [config]);
};

const startSlapd: Start = ({ folder, port, certificate, more = [] }) => {
  const program = debian("slapd");
  const tls =
    certificate === undefined
      ? []
      : [
          ...[`TLSCertificateFile ${certificate.cert}`, `TLSCertificateKeyFile ${certificate.key}`],
          `TLSCipherSuite ${MODERN_GNUTLS}`,
        ];
  const config = write(join(folder, "slapd.conf"), [`pidfile ${join(folder, "pid")}`, ...tls, ...more, ""]);
  return new Running(program, ["-h", `ldap://127.0.0.1:${port}`, "-f", config, "-d", "0"]);
};

/** As in docs/targets/tcp.md. */
export const DIALOGUES = {
  OpenSSH: { start: startOpenssh, dialogue: [{ expect: { matches: "^SSH-2\\.0-" } }] },
  Dropbear: { start: startDropbear, dialogue: [{ expect: { matches: "^SSH-2\\.0-" } }] },
  memcached: { start: startMemcached, dialogue: [{ send: "version\r\n", expect: "VERSION " }] },
  NATS: {
    start: startNats,
    dialogue: [{ expect: { matches: "^INFO .*\\r\\n" } }, { send: "PING\r\n", expect: "PONG" }],
  },
  Redis: { start: startRedis, dialogue: [{ send: "PING\r\n", expect: "+PONG" }] },
  Sentinel: { start: startSentinel, dialogue: [{ send: "SENTINEL ckquorum main\r\n", expect: "+OK" }] },
} as const satisfies Readonly<Record<string, DialogueServer>>;

export const START_TLS_SERVERS = {
  Exim: {
    start: startExim,
    protocol: "smtp",
    inside: [
      { send: "EHLO healthbridge.internal\r\n", expect: { matches: "(?m)^250 .*\\r\\n" } },
      { send: "QUIT\r\n", expect: "221" },
    ],
  },
  "Dovecot IMAP": {
    start: startDovecot("imap"),
    protocol: "imap",
    inside: [{ send: "a LOGOUT\r\n", expect: "a OK" }],
    noCommonVersion: "closed",
  },
  "Dovecot POP3": {
    start: startDovecot("pop3"),
    protocol: "pop3",
    inside: [{ send: "QUIT\r\n", expect: "+OK" }],
    noCommonVersion: "closed",
  },
  vsftpd: { start: startVsftpd, protocol: "ftp", inside: [{ send: "QUIT\r\n", expect: "221" }] },
  OpenLDAP: {
    start: startSlapd,
    protocol: "ldap",
    // an anonymous bind, and its answer: success
    inside: [{ send: { hex: "300c 020102 6007 020103 0400 8000" }, expect: { hex: "0a0100" } }],
    noCommonVersion: "closed",
  },
} as const satisfies Readonly<Record<string, StartTlsServer>>;
