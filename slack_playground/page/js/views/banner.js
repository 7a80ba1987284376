/* The strip above all: what one should know about this workspace, and a lost connection. */

import { fill, h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { on, state } from "/page/js/store.js";

/** The strip; it draws itself. */
export function createBanner() {
  const notice = h("div.banner", { role: "note", data: { testid: "banner" }, hidden: true });
  const link = h("div.link-state", {
    role: "status",
    aria: { live: "polite" },
    data: { testid: "link-state" },
    hidden: true,
  });
  let hiddenNotice = null;
  const draw = () => {
    notice.hidden = !state.notice || state.notice === hiddenNotice;
    const hide = () => {
      hiddenNotice = state.notice;
      draw();
    };
    fill(
      notice,
      h("span", null, state.notice ?? ""),
      h(
        "button.icon-button",
        { type: "button", aria: { label: "Hide this notice" }, on: { click: hide } },
        icon("close", 16),
      ),
    );
  };
  on("workspace", draw);
  on("link", () => {
    link.hidden = state.link !== "lost";
    link.dataset.state = state.link;
    fill(link, h("span.pulse"), "Connection lost. Reconnecting…");
  });
  return h("div.strip", null, notice, link);
}
