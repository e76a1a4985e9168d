/** VitePress's theme with fonts of the system, and the colours of the status page. */
import Theme from "vitepress/theme-without-fonts";
import "./site.css";

// biome-ignore lint/style/noDefaultExport: VitePress reads the default export
export default Theme;
