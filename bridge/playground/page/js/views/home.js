/* The app's home: a view that is there all the time, not a dialog. */

import { drawBlocks } from "/page/js/blocks.js";
import { pressInView } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { on, state } from "/page/js/store.js";

/** The home tab's content; it draws itself. */
export function createHome() {
  const host = h("div.home-blocks");
  const node = h("div.home", { hidden: true, tabindex: -1, data: { testid: "home" } }, host);
  const surface = {
    form: null,
    press: (blockId, element, detail) => pressInView(state.home, { block_id: blockId, action_id: element.action_id, ...detail }),
  };
  on("home", () => drawBlocks(host, state.home?.blocks ?? [], surface));
  return { node };
}
