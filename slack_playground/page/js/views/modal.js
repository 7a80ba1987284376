/* Views opened by the app: a stack of modals of which the top one is seen. */

import { drawBlocks } from "/page/js/blocks.js";
import { cancelView, pressInView, submitView } from "/page/js/commands.js";
import { fill, h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { formErrors, formValues, showErrors } from "/page/js/inputs.js";
import { on, state } from "/page/js/store.js";
import { textObject } from "/page/js/text/mrkdwn.js";
import { focusFirst, openDialog } from "/page/js/views/dialog.js";

let open = null; // {view, dialog, frame, form, busy}

/** Follow the stack of views from now on. */
export function mountModals() {
  on("views", follow);
}

function follow() {
  const view = state.views.at(-1);
  if (!view) return leave();
  if (!open) {
    const frame = h("form.dialog-frame", { novalidate: true });
    open = { frame, view, form: null };
    fillFrame(view, null);
    open.dialog = openDialog(frame, {
      label: view.title?.text ?? "Dialog",
      testid: "modal",
      onCancel: cancel,
    });
    return undefined;
  }
  if (open.view === view) return undefined;
  const sameView = open.view.id === view.id;
  fillFrame(view, sameView ? formValues(open.form) : null);
  if (!sameView || !open.frame.contains(document.activeElement)) focusFirst(open.frame);
  return undefined;
}

function leave() {
  open?.dialog.close();
  open = null;
}

const cancel = () => cancelView(open.view);

/** Draw `view`; `before` are values that were typed into an earlier version of it. */
function fillFrame(view, before) {
  const form = { fields: new Map(), before };
  const { frame } = open;
  Object.assign(open, { view, form });
  const body = h("div.dialog-body");
  drawBlocks(body, view.blocks ?? [], { form, press: pressFor(view, form) });
  const close = h(
    "button.icon-button",
    { type: "button", aria: { label: "Close" }, on: { click: cancel } },
    icon("close"),
  );
  fill(
    frame,
    h("div.dialog-head", null, h("h2.dialog-title", null, textObject(view.title)), close),
    body,
    h("p.form-error", { role: "alert", hidden: true }),
    h(
      "div.dialog-foot",
      null,
      h(
        "button.button",
        { type: "button", data: { testid: "modal-close" }, on: { click: cancel } },
        view.close ? textObject(view.close) : "Close",
      ),
      submitButton(view),
    ),
  );
  frame.onsubmit = submit;
}

const pressFor = (view, form) => (blockId, element, detail) =>
  pressInView(
    view,
    { block_id: blockId, action_id: element.action_id, ...detail },
    formValues(form),
  );

function submitButton(view) {
  const needed = view.submit || (view.blocks ?? []).some(({ type }) => type === "input");
  if (!needed) return null;
  return h(
    "button.button.is-primary",
    { type: "submit", data: { testid: "modal-submit" } },
    view.submit ? textObject(view.submit) : "Submit",
  );
}

async function submit(event) {
  event.preventDefault();
  const { frame, form, view } = open;
  const missing = formErrors(form);
  showErrors(frame, form, missing);
  if (Object.keys(missing).length) return;
  setBusy(frame, true);
  const failure = frame.querySelector(".form-error");
  failure.hidden = true;
  try {
    const errors = await submitView(view, formValues(form));
    if (errors) showRefusal(frame, form, errors);
  } catch (error) {
    Object.assign(failure, { hidden: false, textContent: error.message });
  } finally {
    setBusy(frame, false);
  }
}

// An error for a block without an input has no field to stand under, yet must not vanish.
function showRefusal(frame, form, errors) {
  setBusy(frame, false);
  showErrors(frame, form, errors);
  const fields = new Set([...form.fields.values()].map(({ block }) => block.block_id));
  const lost = Object.entries(errors).filter(([block]) => !fields.has(block));
  const failure = frame.querySelector(".form-error");
  if (lost.length)
    Object.assign(failure, {
      hidden: false,
      textContent: lost.map(([, sentence]) => sentence).join(" "),
    });
}

function setBusy(frame, busy) {
  const button = frame.querySelector("[type=submit]");
  if (!button) return;
  button.disabled = busy;
  button.classList.toggle("is-busy", busy);
}
