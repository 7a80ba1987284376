/* The tools that appear beside a message, and editing in place. */

import { edit, openThread, remove } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { state } from "/page/js/store.js";
import { fromWire } from "/page/js/text/wire.js";
import { createComposer } from "/page/js/views/composer.js";
import { ask } from "/page/js/views/confirm.js";
import { pickReaction } from "/page/js/views/reactions.js";

/** The buttons for a row; none on a note that only one person sees. */
export function toolbar(row) {
  const { message, pane } = row;
  if (message.is_ephemeral) return [];
  const own = message.user === state.me.id && !message.bot_id;
  return [
    tool("smile", "Add a reaction", "react", (button) => pickReaction(row, button)),
    pane === "channel" &&
      tool("reply", "Reply in thread", "open-thread", () =>
        openThread(row.message.thread_ts ?? row.message.ts),
      ),
    own && tool("edit", "Edit", "edit", () => startEditing(row)),
    own && tool("trash", "Delete", "delete", () => confirmRemoval(row)),
  ];
}

function tool(name, label, testid, run) {
  const node = h(
    "button.tool",
    { type: "button", title: label, aria: { label }, data: { testid }, tabindex: -1 },
    icon(name),
  );
  node.addEventListener("click", () => run(node));
  return node;
}

const KEYS = { r: "react", t: "open-thread", e: "edit" };

/** Keys on a focused row: r reacts, t opens the thread, e edits. Returns whether it was one. */
export function toolKey(event, node) {
  const name = event.key === "Enter" ? "open-thread" : KEYS[event.key];
  const button = name && node.querySelector(`.tools [data-testid="${name}"]`);
  if (!button || event.ctrlKey || event.metaKey || event.altKey) return false;
  event.preventDefault();
  button.click();
  return true;
}

async function confirmRemoval(row) {
  const sure = await ask("Delete message", "This cannot be undone.", "Delete");
  if (sure) await remove(row.channel, row.message.ts);
}

/** Turn the row's text into a composer; Enter saves, Esc leaves it as it was. */
export function startEditing(row) {
  if (row.node.querySelector(".editor")) return;
  const stop = () => {
    row.node.classList.remove("is-editing");
    editor.node.remove();
    row.node.focus();
  };
  const editor = createComposer({
    kind: "editor",
    testid: "edit-composer",
    sendTestid: "edit-save",
    label: "Edit message",
    sendLabel: "Save",
    files: false,
    send: async ({ text }) => {
      const saved = text === "" || (await edit(row.channel, row.message.ts, text));
      if (saved) stop();
      return saved;
    },
    cancel: stop,
  });
  row.node.classList.add("is-editing");
  row.parts.content.before(editor.node);
  editor.set(fromWire(row.message.text ?? ""));
  editor.focus();
}
