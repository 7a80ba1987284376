/* What can be pressed or chosen inside blocks. Pressing shows its progress and its failure in place. */

import { h, link } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { control } from "/page/js/inputs.js";
import { state } from "/page/js/store.js";
import { plain, textObject } from "/page/js/text/mrkdwn.js";
import { confirmDialog } from "/page/js/views/confirm.js";
import { openMenu } from "/page/js/views/menu.js";

/** The node for one interactive element of `block`. */
export function element(part, block, surface) {
  if (part.visible_to_user_ids && !part.visible_to_user_ids.includes(state.me.id)) return null;
  const draw = Object.hasOwn(ELEMENTS, part.type) ? ELEMENTS[part.type] : other;
  return draw(part, block, surface);
}

const ELEMENTS = {
  button,
  overflow,
  image: (part) => imageNode(part, "accessory-image"),
  feedback_buttons: feedback,
  icon_button: iconButton,
};

// Choosers look alike in messages and in modals; only in a modal is their value kept for submitting.
function other(part, block, surface) {
  const chooser = control(part, block, surface.form);
  if (!chooser) return h("span.unknown", null, `“${part.type}” is not shown here.`);
  const row = h("span.chooser", null, chooser.node);
  chooser.node.addEventListener("change", () => run(row, part, block, surface, chooser.detail()));
  return row;
}

function button(part, block, surface) {
  const label = [h("span.label", null, textObject(part.text))];
  if (part.url) label.push(h("span.visually-hidden", null, " (opens a new tab)"));
  const node = h("button.action", actionProps(part, part.style), label);
  node.addEventListener("click", () => {
    if (part.url) link(part.url, "").click();
    run(node, part, block, surface, { value: part.value });
  });
  return node;
}

const actionProps = (part, style) => ({
  type: "button",
  class: style ? `is-${style}` : null,
  data: { testid: `action-${part.action_id}` },
  aria: { label: part.accessibility_label },
});

function overflow(part, block, surface) {
  const node = h(
    "button.action.is-quiet",
    { ...actionProps(part), aria: { label: "More actions", haspopup: "menu" } },
    icon("dots"),
  );
  const items = (part.options ?? []).map((option) => ({
    label: plain(option.text.text),
    choose: () => {
      if (option.url) link(option.url, "").click();
      run(node, part, block, surface, { selected_option: option });
    },
  }));
  node.addEventListener("click", () => openMenu(node, items));
  return node;
}

function feedback(part, block, surface) {
  const one = (choice, face) => {
    if (!choice) return null;
    const label = choice.accessibility_label ?? choice.text?.text ?? face;
    const props = {
      type: "button",
      title: label,
      aria: { label },
      data: { testid: `action-${part.action_id}-${choice.value}` },
    };
    const node = h("button.action.is-quiet", props, icon(face));
    node.addEventListener("click", () => run(node, part, block, surface, { value: choice.value }));
    return node;
  };
  return h(
    "span.feedback",
    null,
    one(part.positive_button, "good"),
    one(part.negative_button, "bad"),
  );
}

function iconButton(part, block, surface) {
  const label = part.accessibility_label ?? part.text?.text ?? part.icon;
  const node = h(
    "button.action.is-quiet",
    { ...actionProps(part), title: label, aria: { label } },
    icon("trash"),
  );
  node.addEventListener("click", () => run(node, part, block, surface, { value: part.value }));
  return node;
}

/** Ask for confirmation if the element wants it, press, and show what came of it beside `node`. */
async function run(node, part, block, surface, detail) {
  if (node.classList.contains("is-busy")) return;
  if (part.confirm && !(await confirmDialog(part.confirm))) return;
  const row = node.closest(".block") ?? node;
  row.querySelector(".action-error")?.remove();
  setBusy(node, true);
  const failure = await surface.press(block.block_id, part, detail);
  setBusy(node, false);
  if (failure)
    row.append(
      h("p.action-error", { role: "alert" }, icon("warning", 16), h("span", null, failure)),
    );
}

// Not `disabled`: that would drop the focus, which has to come back here after a dialog.
function setBusy(node, busy) {
  node.classList.toggle("is-busy", busy);
  if (busy) node.setAttribute("aria-disabled", "true");
  else node.removeAttribute("aria-disabled");
}

/** An image; one from outside is not fetched but offered as a link, so the page needs no network. */
export function imageNode({ image_url, alt_text, slack_file }, kind) {
  const address = image_url ?? slack_file?.url ?? "";
  const alt = alt_text ?? "";
  if (!isLocal(address))
    return h("span.image-elsewhere", null, icon("file", 16), link(address, alt || address));
  return h("img", { class: kind, src: address, alt, loading: "lazy" });
}

const isLocal = (address) => {
  if (address.startsWith("data:image/") || address.startsWith("blob:")) return true;
  return (
    URL.canParse(address, location.href) &&
    new URL(address, location.href).origin === location.origin
  );
};
