/**
 * The script and the style of the status page, and the names under which they are served.
 * Written by scripts/page-assets.js (`npm run build`): edit the files in src/page/ instead.
 */
export const PAGE_ASSETS = {
  script: {
    name: "page-7be19925c45a.js",
    contentType: "text/javascript; charset=utf-8",
    text: "var n={SERVING:\"serving\",NOT_SERVING:\"not serving\",UNKNOWN:\"unknown\",SERVICE_UNKNOWN:\"removed\"};function r(t,o){return t===\"SERVING\"&&o?\"degraded\":n[t]??t}var e=document.querySelector(\"#overall\");e!==null&&(e.title=r(e.dataset.status??\"UNKNOWN\",\"degraded\"in e.dataset));",
  },
  style: {
    name: "page-f30b8135ddb9.css",
    contentType: "text/css; charset=utf-8",
    text: ":root{color-scheme:light dark}",
  },
} as const;
