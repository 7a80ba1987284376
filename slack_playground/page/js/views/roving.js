/* Walking the messages of a list with the arrow keys; the list is a single stop of the Tab key. */

import { toolKey } from "/page/js/views/toolbar.js";

const rowsOf = (host) => [...host.querySelectorAll(":scope > .message")];

/** Make the rows of `host` walkable. */
export function walkRows(host) {
  host.addEventListener("keydown", (event) => {
    if (!event.target.matches(".message")) return;
    const rows = rowsOf(host);
    const next = target(event.key, rows, rows.indexOf(event.target));
    if (next) {
      event.preventDefault();
      next.focus();
    } else {
      toolKey(event, event.target);
    }
  });
  host.addEventListener("focusin", (event) => setActive(host, event.target.closest(".message")));
  new MutationObserver(() => ensureStop(host)).observe(host, { childList: true });
}

function target(key, rows, at) {
  if (key === "ArrowUp") return rows[at - 1];
  if (key === "ArrowDown") return rows[at + 1];
  if (key === "Home") return rows[0];
  return key === "End" ? rows.at(-1) : undefined;
}

function setActive(host, row) {
  if (!row || row.tabIndex === 0) return;
  for (const other of host.querySelectorAll(':scope > .message[tabindex="0"]')) setStop(other, -1);
  setStop(row, 0);
}

function setStop(row, value) {
  row.tabIndex = value;
  for (const tool of row.querySelectorAll(".tool")) tool.tabIndex = value;
}

function ensureStop(host) {
  if (host.querySelector(':scope > .message[tabindex="0"]')) return;
  const last = rowsOf(host).at(-1);
  if (last) setStop(last, 0);
}
