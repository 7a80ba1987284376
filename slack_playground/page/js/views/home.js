/* The app's home: a view that is there all the time, not a dialog. */

import { drawBlocks } from "/page/js/blocks.js";
import { pressInView } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { formValues } from "/page/js/inputs.js";
import { on, state } from "/page/js/store.js";

/** The home tab's content; it draws itself. */
export function createHome() {
  const host = h("div.home-blocks");
  const empty = h("p.home-empty", null, "The app has published nothing here yet.");
  const node = h("div.home", { hidden: true, tabindex: -1, data: { testid: "home" } }, host, empty);
  const form = { fields: new Map(), before: null };
  const press = (blockId, element, detail) =>
    pressInView(
      state.home,
      { block_id: blockId, action_id: element.action_id, ...detail },
      formValues(form),
    );
  on("home", () => {
    empty.hidden = Boolean(state.home);
    drawBlocks(host, state.home?.blocks ?? [], { form, press });
  });
  return { node };
}
