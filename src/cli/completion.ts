/**
 * `healthbridge completion`: prints the completions for a shell, made from the tables of the commands.
 */
import { type Flag, readFlags, UsageError } from "./flags.js";
import { type CommandHelp, HELP_FLAG, type NamedHelp } from "./help.js";

/** A command, as the scripts need it. */
interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
}

const SCRIPTS: Readonly<Record<string, (commands: readonly Completed[]) => string>> = { bash, zsh, fish };

const SHELL: Flag = { name: "shell", value: "SHELL", help: "" };

export const HELP: CommandHelp = {
  about: "Prints the completions of commands, flags and their values for a shell: bash, zsh or fish.",
  usage: "completion bash|zsh|fish",
  flags: [],
  exitCodes: [[2, "an unknown flag or argument"]],
  examples: [
    "source <(healthbridge completion bash)                          # in ~/.bashrc",
    "source <(healthbridge completion zsh)                           # in ~/.zshrc, after compinit",
    "healthbridge completion fish > ~/.config/fish/completions/healthbridge.fish",
  ],
};

export async function run(args: readonly string[], allHelp: () => Promise<readonly NamedHelp[]>): Promise<number> {
  const [shell = ""] = readFlags([SHELL], args, SHELL.name).get(SHELL.name) ?? [];
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  const known = Object.keys(SCRIPTS).join(", ");
  if (script === undefined)
    throw new UsageError(
      shell === "" ? `name a shell: ${known}` : `unknown shell ${JSON.stringify(shell)}; known: ${known}`,
    );
  const commands = (await allHelp()).map(({ name, summary, help }) => ({
    name,
    summary,
    flags: [...help.flags, HELP_FLAG],
  }));
  process.stdout.write(script(commands));
  return 0;
}

/** Whether the value of a flag is a path. */
function isPath({ value = "" }: Flag): boolean {
  return ["FILE", "DIR", "PATH"].includes(value);
}

function dashed({ name, short }: Flag): readonly string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
}

/** The flags of all commands, each once, that a condition holds for. */
function flagsWhere(commands: readonly Completed[], condition: (flag: Flag) => boolean): readonly Flag[] {
  const flags = commands.flatMap((command) => command.flags).filter(condition);
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}

function bash(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const words = commands.map(({ name, flags }) => `    ${name}) flags="${flags.flatMap(dashed).join(" ")}" ;;`);
  const afterFlag = flagsWhere(commands, ({ value }) => value !== undefined).map((flag) => {
    const reply = flag.values === undefined ? "" : ` COMPREPLY=($(compgen -W "${flag.values.join(" ")}" -- "$word"));`;
    const files = isPath(flag) ? ` COMPREPLY=($(compgen -f -- "$word"));` : "";
    return `    ${dashed(flag).join("|")})${reply}${files} return ;;`;
  });
  return `# bash completion of healthbridge
_healthbridge() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command=serve flags=
  COMPREPLY=()
  if ((COMP_CWORD > 1)) && [[ \${COMP_WORDS[1]} != -* ]]; then command=\${COMP_WORDS[1]}; fi
  case $before in
${afterFlag.join("\n")}
  esac
  if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W "${names}" -- "$word"))
    return
  fi
  case $command in
${words.join("\n")}
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _healthbridge healthbridge
`;
}

function zsh(commands: readonly Completed[]): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`);
  const cases = commands.map(({ name, flags }) => {
    const rows = flags.map((flag) => `        ${zshArgument(flag)}`).join(" \\\n");
    return `    ${name})\n      _arguments -s \\\n${rows} \\\n        '*:file:_files'\n      ;;`;
  });
  return `#compdef healthbridge
_healthbridge() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  local command=serve
  if [[ $words[2] != -* ]]; then
    command=$words[2]
    shift words
    ((CURRENT--))
  fi
  case $command in
${cases.join("\n")}
  esac
}
compdef _healthbridge healthbridge
`;
}

function zshArgument(flag: Flag): string {
  const { value, values, repeats, help } = flag;
  const action = values !== undefined ? `(${values.join(" ")})` : isPath(flag) ? "_files" : "";
  const argument = value === undefined ? "" : `:${value}:${action}`;
  const text = help.replaceAll(/[[\]:\\]/g, "\\$&");
  const star = repeats === true ? "*" : "";
  return dashed(flag)
    .map((dashes) => quoted(`${star}${dashes}[${text}]${argument}`))
    .join(" ");
}

function fish(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const noCommand = `"not __fish_seen_subcommand_from ${names}"`;
  const rows = commands.flatMap(({ name, summary, flags }) => [
    `complete -c healthbridge -f -n ${noCommand} -a ${name} -d ${quoted(summary)}`,
    ...flags.map((flag) => {
      const { short, value, values, help } = flag;
      const takes = value === undefined ? "" : isPath(flag) ? " -r -F" : " -x";
      const words = values === undefined ? "" : ` -a ${quoted(values.join(" "))}`;
      const letter = short === undefined ? "" : ` -s ${short}`;
      const where = `"__fish_seen_subcommand_from ${name}"`;
      return `complete -c healthbridge -n ${where} -l ${flag.name}${letter}${takes}${words} -d ${quoted(help)}`;
    }),
  ]);
  return `# fish completion of healthbridge\n${rows.join("\n")}\n`;
}

/** A text in single quotes; each of these shells takes a quote in it as \`'\\''\`. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
