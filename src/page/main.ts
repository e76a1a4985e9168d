/**
 * The status page in the browser: it keeps what the server has rendered up to date.
 */
import { statusWords } from "../core/status-words.js";

const overall = document.querySelector<HTMLElement>("#overall");
if (overall !== null) overall.title = statusWords(overall.dataset.status ?? "UNKNOWN", "degraded" in overall.dataset);
