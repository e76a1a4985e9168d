/**
 * Traefik from its module in Go's registry. Three things are not there, and do not matter here:
 *
 *     the dashboard                    a page of one word in its place
 *     the DNS providers of ACME        some of their modules are missing: an empty table in their place
 *     the newest fork of go-http-auth  an older one
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { once, run } from "../install.js";

const VERSION = "v3.7.13";

const AUTH = "github.com/containous/go-http-auth@v0.4.1-0.20200324110947-a37a7636d23e";

const NO_DNS = `package nodns

import (
	"errors"

	"github.com/go-acme/lego/v5/challenge"
)

func NewDNSChallengeProviderByName(string) (challenge.Provider, error) {
	return nil, errors.New("no DNS provider")
}
`;

const NO_EXTENSIONS = `package ext

type HTTP struct{}

type Router struct{}
`;

/** The program. Its build takes some minutes. */
export function traefik(): string {
  const folder = once(`traefik-${VERSION}`, (target) => {
    const source = join(target, "source");
    const module = `github.com/traefik/traefik/v3@${VERSION}`;
    const { Dir } = JSON.parse(execFileSync("go", ["mod", "download", "-json", module], { encoding: "utf8" }));
    cpSync(Dir, source, { recursive: true });
    run("chmod", ["-R", "u+w", source]); // the cache of modules is read-only
    const write = (file: string, text: string) => {
      mkdirSync(dirname(join(source, file)), { recursive: true });
      writeFileSync(join(source, file), text);
    };
    write("webui/static/index.html", "Traefik\n");
    write("pkg/nodns/nodns.go", NO_DNS);
    write("pkg/config/dynamic/ext/ext.go", NO_EXTENSIONS);
    write("pkg/config/dynamic/ext/go.mod", "module github.com/traefik/traefik/dynamic/ext\n\ngo 1.22\n");
    const acme = "pkg/provider/acme/provider.go";
    const dns = '"github.com/go-acme/lego/v5/providers/dns"';
    write(acme, readFileSync(join(source, acme), "utf8").replace(dns, 'dns "github.com/traefik/traefik/v3/pkg/nodns"'));
    run("go", ["mod", "edit", `-replace=github.com/abbot/go-http-auth=${AUTH}`], { cwd: source });
    const build = ["build", "-mod=mod", "-buildvcs=false", "-ldflags=-s -w", "-o", join(target, "traefik")];
    run("go", [...build, "./cmd/traefik"], { cwd: source, env: { CGO_ENABLED: "0" } });
    rmSync(source, { recursive: true });
  });
  return join(folder, "traefik");
}
