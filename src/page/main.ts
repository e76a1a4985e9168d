/** Starts the status page in the browser. */
import { browserClock } from "./browser-clock.js";
import { LivePage } from "./live-page.js";
import { Overview } from "./overview.js";
import { Presence } from "./presence.js";
import { ServiceView } from "./service-view.js";

const main = document.querySelector<HTMLElement>("#services");
const form = document.querySelector<HTMLFormElement>("#filter");
const search = document.querySelector<HTMLInputElement>('#filter [name="q"]');

if (main !== null) {
  const page = new LivePage((deps) =>
    form === null || search === null
      ? new ServiceView({ ...deps, main })
      : new Overview({ ...deps, main, form, search }),
  );
  const presence = new Presence({ clock: browserClock, connection: page.connection });
  const showOrHide = () => (document.hidden ? presence.hide() : presence.show());
  document.addEventListener("visibilitychange", showOrHide);
  addEventListener("pageshow", showOrHide);
  addEventListener("pagehide", () => presence.leave());
  addEventListener("online", () => page.connection.retryNow());
  presence.show();
}
