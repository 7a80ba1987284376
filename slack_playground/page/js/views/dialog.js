/* A modal dialog: focus stays inside, Esc asks to leave, focus goes back where it came from. */

import { h } from "/page/js/dom.js";

const FOCUSABLE =
  "a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), textarea:not([disabled]), [tabindex='0']";

/**
 * Open `content` as a modal. `onCancel` runs on Esc and on a click outside.
 * Returns {node, close}; closing twice is harmless.
 */
export function openDialog(content, { label, testid, onCancel, kind = "" }) {
  const returnTo = document.activeElement;
  const node = h("dialog.dialog", { class: kind, aria: { label }, data: { testid } }, content);
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    onCancel();
  });
  node.addEventListener("keydown", (event) => keepInside(event, node));
  node.addEventListener("mousedown", (event) => event.target === node && onCancel());
  document.body.append(node);
  node.showModal();
  focusFirst(node);
  const close = () => {
    if (!node.isConnected) return;
    node.close();
    node.remove();
    if (returnTo?.isConnected) returnTo.focus();
  };
  return { node, close };
}

/** Put the focus on the first field, else on the first thing that takes it. */
export function focusFirst(node) {
  const wanted =
    node.querySelector("[autofocus]") ??
    node.querySelector("input, textarea, select") ??
    node.querySelector(".is-primary, .is-danger");
  (wanted ?? node.querySelector(FOCUSABLE))?.focus();
}

// The browser alone would let the focus out to its own bars and onto the body.
function keepInside(event, node) {
  if (event.key !== "Tab") return;
  const stops = [...node.querySelectorAll(FOCUSABLE)].filter(
    (stop) => stop.tabIndex >= 0 && stop.offsetParent !== null,
  );
  const [first, last] = [stops[0], stops.at(-1)];
  if (document.activeElement !== (event.shiftKey ? first : last)) return;
  event.preventDefault();
  (event.shiftKey ? last : first)?.focus();
}
