/* One floating panel at a time, placed beside what opened it; closes on Esc and on a click elsewhere. */

let current = null;

/** Show `panel` near `anchor`. Returns `close()`; focus goes back to the anchor on Esc. */
export function openPopover(anchor, panel, { onClose } = {}) {
  current?.();
  const host = anchor.closest("dialog") ?? document.body;
  host.append(panel);
  place(anchor, panel);
  anchor.setAttribute("aria-expanded", "true");

  const close = () => {
    if (current !== close) return;
    current = null;
    panel.remove();
    anchor.removeAttribute("aria-expanded");
    document.removeEventListener("pointerdown", outside, true);
    document.removeEventListener("keydown", escape, true);
    removeEventListener("resize", close);
    onClose?.();
  };
  const outside = (event) => {
    if (!panel.contains(event.target) && !anchor.contains(event.target)) close();
  };
  const escape = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
    anchor.focus();
  };
  document.addEventListener("pointerdown", outside, true);
  document.addEventListener("keydown", escape, true);
  addEventListener("resize", close);
  current = close;
  return close;
}

const GAP = 6;

function place(anchor, panel) {
  const at = anchor.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const below = at.bottom + GAP + height <= innerHeight || at.top < height;
  const left = Math.max(GAP, Math.min(at.left, innerWidth - width - GAP));
  const top = below ? Math.min(at.bottom + GAP, innerHeight - height - GAP) : at.top - height - GAP;
  panel.style.left = `${left}px`;
  panel.style.top = `${Math.max(GAP, top)}px`;
}
