/* The small emoji picker: favourites first, the rest by typing. */

import { h } from "/page/js/dom.js";
import { emojiFor, emojiNames } from "/page/js/text/emoji.js";
import { openPopover } from "/page/js/views/popover.js";

const FAVOURITES = [
  "+1",
  "eyes",
  "white_check_mark",
  "tada",
  "heart",
  "joy",
  "raised_hands",
  "rocket",
  "thinking_face",
  "octagonal_sign",
  "x",
  "pray",
];
const MOST = 48;

/** Open the picker at `anchor`; `choose(name)` gets the chosen one. */
export function openPicker(anchor, choose) {
  const search = h("input.input", {
    type: "search",
    placeholder: "Search emoji",
    aria: { label: "Search emoji" },
  });
  const grid = h("div.picker-grid", { role: "group", aria: { label: "Emoji" } });
  const panel = h(
    "div.popover.picker",
    { role: "dialog", aria: { label: "Add a reaction" }, data: { testid: "emoji-picker" } },
    search,
    grid,
  );
  const close = openPopover(anchor, panel);
  const pick = (name) => {
    close();
    anchor.focus();
    choose(name);
  };
  const draw = () => grid.replaceChildren(...found(search.value).map((name) => cell(name, pick)));
  search.addEventListener("input", draw);
  search.addEventListener("keydown", (event) => {
    const [first] = found(search.value);
    if (!["Enter", "ArrowDown"].includes(event.key)) return;
    event.preventDefault(); // else the key would press what gets the focus next
    if (event.key === "ArrowDown") grid.firstChild?.focus();
    else if (first) pick(first);
  });
  grid.addEventListener("keydown", (event) => walk(event, grid, search));
  draw();
  search.focus();
}

const COLUMNS = 8;
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS };

function walk(event, grid, search) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const cells = [...grid.children];
  const next = cells.indexOf(document.activeElement) + step;
  (next < 0 ? search : cells[Math.min(next, cells.length - 1)])?.focus();
}

const cell = (name, pick) =>
  h(
    "button.picker-cell",
    {
      type: "button",
      title: `:${name}:`,
      aria: { label: name },
      data: { testid: `emoji-${name}` },
      on: { click: () => pick(name) },
    },
    emojiFor(name),
  );

function found(query) {
  const wanted = query.trim().replaceAll(":", "").toLowerCase();
  const names = wanted
    ? emojiNames().filter((name) => name.includes(wanted))
    : [...FAVOURITES, ...emojiNames()];
  if (wanted) names.sort((a, b) => Number(b.startsWith(wanted)) - Number(a.startsWith(wanted)));
  return withoutAliases(names).slice(0, MOST);
}

function withoutAliases(names) {
  const byCharacter = new Map();
  for (const name of names)
    if (!byCharacter.has(emojiFor(name))) byCharacter.set(emojiFor(name), name);
  return [...byCharacter.values()];
}
