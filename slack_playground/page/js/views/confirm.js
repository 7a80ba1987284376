/* "Are you sure?" as Slack's confirm objects ask it. */

import { h } from "/page/js/dom.js";
import { textObject } from "/page/js/text/mrkdwn.js";
import { openDialog } from "/page/js/views/dialog.js";

const plain = (text) => ({ type: "plain_text", text });

/** Ask; resolves to true if the person confirms. `style` is "primary" (default) or "danger". */
export function confirmDialog({ title, text, confirm, deny, style = "primary" }) {
  return new Promise((resolve) => {
    const answer = (yes) => {
      dialog.close();
      resolve(yes);
    };
    const no = h(
      "button.button",
      { type: "button", on: { click: () => answer(false) } },
      textObject(deny ?? plain("Cancel")),
    );
    const yes = h(
      "button.button",
      {
        type: "button",
        class: `is-${style}`,
        data: { testid: "confirm-yes" },
        on: { click: () => answer(true) },
      },
      textObject(confirm ?? plain("Yes")),
    );
    const content = h(
      "div.dialog-frame",
      null,
      h("h2.dialog-title", null, textObject(title ?? plain("Are you sure?"))),
      h("div.dialog-body", null, textObject(text ?? plain(""))),
      h("div.dialog-foot", null, no, yes),
    );
    const dialog = openDialog(content, {
      label: title?.text ?? "Are you sure?",
      testid: "confirm",
      kind: "is-small",
      onCancel: () => answer(false),
    });
  });
}

/** The same for the page's own questions, in plain sentences. */
export const ask = (title, text, confirm) =>
  confirmDialog({
    title: plain(title),
    text: plain(text),
    confirm: plain(confirm),
    style: "danger",
  });
