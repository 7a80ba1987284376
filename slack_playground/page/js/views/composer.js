/* Where people type: Enter sends, Shift+Enter breaks the line, @ completes, files by button, paste or drop. */

import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { toWire } from "/page/js/text/wire.js";
import { createAttachments } from "/page/js/views/attachments.js";
import { enableCompletion } from "/page/js/views/completion.js";

/**
 * A composer. `send({text, files})` gets what goes over the wire and tells whether it was taken;
 * what was typed stays until then. `cancel` (optional) runs on Esc, `up` on Arrow Up when empty,
 * `changed(text)` at each change, so that drafts can be kept.
 */
export function createComposer(options) {
  const {
    kind = "main",
    testid,
    sendTestid,
    label,
    sendLabel = "Send",
    files = true,
    extra = null,
  } = options;
  const field = h("textarea.field-text", {
    rows: 1,
    placeholder: label,
    spellcheck: true,
    aria: { label },
    data: { testid },
  });
  const button = h("button.send", {
    type: "button",
    disabled: true,
    title: sendLabel,
    aria: { label: sendLabel },
    data: { testid: sendTestid },
  });
  button.append(...(kind === "editor" ? [sendLabel] : [icon("send")]));
  const attachments = files ? createAttachments(() => refresh()) : null;
  const cancelButton =
    options.cancel &&
    h("button.button", { type: "button", on: { click: options.cancel } }, "Cancel");
  const bar = h(
    "div.composer-bar",
    null,
    attachments?.button,
    mentionButton(field),
    h("span.composer-extra", null, extra),
    cancelButton,
    button,
  );
  const node = h(
    "div.composer",
    { class: `is-${kind}`, data: { kind } },
    attachments?.node,
    field,
    bar,
  );
  if (kind === "editor") node.classList.add("editor");
  const completion = enableCompletion(field, node);

  const refresh = () => {
    button.disabled = !field.value.trim() && !attachments?.any();
    grow(field);
    options.changed?.(field.value);
  };
  const submit = async () => {
    if (button.disabled) return;
    const typed = field.value;
    const sent = { text: toWire(typed), files: attachments ? await attachments.take() : [] };
    field.value = "";
    refresh();
    if (!(await options.send(sent)) && !field.value) {
      field.value = typed;
      attachments?.put(sent.files);
    }
    refresh();
  };

  field.addEventListener("input", refresh);
  field.addEventListener("keydown", (event) =>
    onKey(event, { field, completion, submit, options }),
  );
  button.addEventListener("click", submit);
  attachments?.acceptPaste(field);
  return {
    node,
    /** Take files that are dropped anywhere on `place`. */
    acceptDrops: (place) => attachments?.acceptDrops(place, node),
    set: (text) => {
      field.value = text;
      refresh();
    },
    setLabel: (text) => {
      field.placeholder = text;
      field.setAttribute("aria-label", text);
    },
    focus: () => {
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
      grow(field);
    },
  };
}

function onKey(event, { field, completion, submit, options }) {
  if (event.isComposing || completion.key(event)) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape" && options.cancel) {
    event.preventDefault();
    event.stopPropagation();
    options.cancel();
  } else if (event.key === "ArrowUp" && !field.value && options.up && !event.altKey) {
    event.preventDefault();
    options.up();
  }
}

function mentionButton(field) {
  const run = () => {
    const gap = field.value && !/\s$/.test(field.value) ? " " : "";
    field.setRangeText(`${gap}@`, field.value.length, field.value.length, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  return h(
    "button.icon-button",
    {
      type: "button",
      title: "Mention someone",
      aria: { label: "Mention someone" },
      on: { click: run },
    },
    h("span.at", null, "@"),
  );
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
