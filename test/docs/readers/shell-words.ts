/**
 * The commands of a block of shell code, each as its words.
 *
 *     FLOWER_PASSWORD=x healthbridge list :1 && echo "a b"   # comment   -->   [healthbridge list :1]  [echo "a b"]
 *
 * It knows what docs use: quotes, comments, continued lines, `&&`, `||`, `|`, `;`, `&`, parentheses, variables before a command.
 */

const TOKEN =
  /(?<space>[ \t]+|\\\n)|(?<end>\n|&&|\|\||[|;&()])|(?<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\([^)]*\)|\\.|[^\s'"\\|;&()])+)/gy;

const ASSIGNMENT = /^[A-Za-z_]\w*=/;

/** @throws Error for a quote without an end */
export function commandsOf(code: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let at = 0;
  while (at < code.length) {
    TOKEN.lastIndex = at;
    const { end, word } = TOKEN.exec(code)?.groups ?? {};
    if (TOKEN.lastIndex === 0) throw new Error(`a quote has no end: ${code.slice(at, at + 40)}`);
    if (word?.startsWith("#")) {
      const line = code.indexOf("\n", at);
      at = line === -1 ? code.length : line;
      continue;
    }
    at = TOKEN.lastIndex;
    const command = commands.at(-1) ?? [];
    if (end !== undefined) commands.push([]);
    else if (word !== undefined && !(command.length === 0 && ASSIGNMENT.test(word))) command.push(plain(word));
  }
  return commands.filter(({ length }) => length > 0);
}

/** A word without its quotes. */
function plain(word: string): string {
  return word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, (_, single, double, escaped) =>
    String(single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped),
  );
}
