/** Passwords as people have them: every character that a URL, YAML, a header or a shell reserves. */
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is a password
export const VALUES: readonly string[] = [
  ...["p#ss", "p/w", "p?w", "100%", "a%41b", "a@b", "a:b", "[x", "x]", "p w", " p ", "p+w", "p&w=1", "p;w,x", "p\\w"],
  ...["p\"w'x`", "$p{w}", "${NOT}", "$$", "p|w^x", "<p>", "pässwörd", "\u5bc6\u7801", "\u{1f511}", "p\tw", "12/s3cret"],
  ...["//x", "@@", "::", "%", "%25", "%zz", "p~w!*()", "http://u:p@h/", "- p", "p: w", "p # w", "*p", "&p", "!p", "no"],
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is a password
