/* A block of code with its language and a copy button. */

import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { toast } from "/page/js/views/toast.js";

/** A `figure` for `text`; `language` labels it, null or "" leaves the label out. */
export function codeBlock(text, language) {
  return h(
    "figure.code",
    null,
    h(
      "figcaption",
      { class: language ? null : "is-bare" },
      h("span.language", null, language ?? ""),
      h(
        "button.copy",
        { type: "button", title: "Copy code", aria: { label: "Copy code" } },
        icon("copy", 16),
      ),
    ),
    h("pre", { tabindex: 0 }, h("code", null, text)),
  );
}

/** Copy on a click at any copy button below `root`; one listener, so code may be redrawn freely. */
export function enableCopy(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return undefined;
    const copied = await copy(button.closest("figure").querySelector("code").textContent);
    if (!copied) return toast("The browser does not allow copying here.");
    button.replaceChildren(icon("check", 16));
    button.classList.add("is-done");
    return setTimeout(() => {
      button.replaceChildren(icon("copy", 16));
      button.classList.remove("is-done");
    }, 1500);
  });
}

// The clipboard is missing on plain HTTP away from localhost, and may be refused by policy.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
