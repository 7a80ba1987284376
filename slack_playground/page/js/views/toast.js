/* A short sentence about something that failed, gone after a while. */

import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";

const SHOWN_MS = 7000;
const host = h("div.toasts", { role: "alert" });

/** The place where toasts appear. */
export const toastHost = () => host;

/** Show `sentence` to the person. */
export function toast(sentence) {
  const close = h(
    "button.icon-button",
    { type: "button", aria: { label: "Dismiss" } },
    icon("close", 16),
  );
  const node = h("div.toast", null, icon("warning"), h("span", null, sentence), close);
  close.addEventListener("click", () => node.remove());
  host.append(node);
  setTimeout(() => node.remove(), SHOWN_MS);
}

const speaker = h("div.visually-hidden", { role: "log", aria: { live: "polite" } });

/** The region that is read aloud. */
export const speakerHost = () => speaker;

/** Tell those who listen instead of look; only the latest few sentences are kept. */
export function announce(sentence) {
  speaker.append(h("p", null, sentence));
  while (speaker.children.length > 5) speaker.firstChild.remove();
}
