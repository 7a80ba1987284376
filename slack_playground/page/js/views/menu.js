/* A menu of choices, walked with the arrow keys. */

import { h } from "/page/js/dom.js";
import { openPopover } from "/page/js/views/popover.js";

/** Open a menu at `anchor`; `items` are {label, choose}. */
export function openMenu(anchor, items) {
  const buttons = items.map(({ label, choose }) =>
    h(
      "button.menu-item",
      { type: "button", role: "menuitem", tabindex: -1, on: { click: () => pick(choose) } },
      label,
    ),
  );
  const panel = h("div.popover.menu", { role: "menu" }, buttons);
  panel.addEventListener("keydown", (event) => walk(event, buttons));
  const close = openPopover(anchor, panel);
  const pick = (choose) => {
    close();
    anchor.focus();
    choose();
  };
  buttons[0]?.focus();
}

const MOVES = {
  ArrowDown: (index, count) => (index + 1) % count,
  ArrowUp: (index, count) => (index - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

function walk(event, buttons) {
  const move = MOVES[event.key];
  if (!move) return;
  event.preventDefault();
  buttons[move(buttons.indexOf(document.activeElement), buttons.length)].focus();
}
