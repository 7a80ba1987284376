/* Reactions below a message: press to join in, press again to take yours back. */

import { react } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { state, userName } from "/page/js/store.js";
import { emojiFor } from "/page/js/text/emoji.js";
import { openPicker } from "/page/js/views/picker.js";

/** The nodes for a row's reactions; none without any. */
export function reactionBar(row) {
  const { reactions = [] } = row.message;
  if (!reactions.length) return [];
  return [...reactions.map((reaction) => chip(row, reaction)), addButton(row)];
}

function chip(row, { name, count, users }) {
  const mine = users.includes(state.me.id);
  const names = users.map(userName).join(", ");
  const label = `${names} reacted with :${name}:`;
  const props = {
    type: "button",
    title: label,
    class: mine ? "is-mine" : null,
    aria: { pressed: mine, label: `${count}. ${label}` },
    data: { testid: `reaction-${name}` },
    on: { click: () => react(row.channel, row.message.ts, name, mine) },
  };
  return h(
    "button.reaction",
    props,
    h("span", null, emojiFor(name) ?? `:${name}:`),
    h("span.count", null, String(count)),
  );
}

function addButton(row) {
  const node = h(
    "button.reaction.is-add",
    { type: "button", title: "Add a reaction", aria: { label: "Add a reaction" } },
    icon("smile", 16),
  );
  node.addEventListener("click", () => pickReaction(row, node));
  return node;
}

/** Let the person pick a reaction for the row's message. */
export const pickReaction = (row, anchor) =>
  openPicker(anchor, (name) => react(row.channel, row.message.ts, name, false));
