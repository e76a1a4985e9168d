/** What a row, or the head of a service's own page, shows: written as the server writes it. */
import { reasonText, spanText, statusWords } from "../core/status-words.js";
import type { LiveStatus } from "./statuses.js";

/** Writes a text that may be there already. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Writes a status into its element. Parts that stay the same are not touched. */
export function writeStatus(element: HTMLElement, { status, degraded, reason, since }: LiveStatus): void {
  const { dataset } = element;
  if (dataset.status !== status) dataset.status = status;
  element.toggleAttribute("data-degraded", degraded);
  const state = element.querySelector(".state");
  if (state !== null) setText(state, statusWords(status, degraded));
  const reasonElement = element.querySelector(".reason");
  if (reasonElement !== null) writeReason(reasonElement, reason);
  if (dataset.since === since) return;
  dataset.since = since;
  const time = element.querySelector<HTMLTimeElement>("time.since");
  if (time !== null) {
    time.dateTime = since;
    time.title = "";
    writeSpan(time, Date.now());
  }
}

/** The words of a reason and its code; a code of the application stands alone. */
function writeReason(element: Element, reason: string): void {
  const words = reasonText(reason);
  const text = reason === "" || words === reason ? reason : `${words} ${reason}`;
  if (element.textContent === text) return;
  if (reason === "") element.replaceChildren();
  else {
    const code = document.createElement("code");
    code.textContent = reason;
    element.replaceChildren(...(words === reason ? [] : [`${words} `]), code);
  }
}

/** Writes how long ago a time was, with the time of the reader's zone as its title. */
export function writeSpan(time: HTMLTimeElement, now: number): void {
  const at = Date.parse(time.dateTime);
  if (Number.isNaN(at)) return;
  setText(time, spanText(now - at));
  if (time.title === "") time.title = new Date(at).toLocaleString();
}
