/* A menu of what happens in real workspaces besides people typing. */

import { happen } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { channelMessages, state } from "/page/js/store.js";
import { openMenu } from "/page/js/views/menu.js";

const app = () => [...state.users.values()].find((user) => user.is_bot);
const mention = (words) => `<@${app()?.id}> ${words}`;
const newest = () => channelMessages(state.route.channel).at(-1)?.ts;

/** The button that opens the menu. */
export function createHappenings() {
  const node = h(
    "button.icon-button",
    {
      type: "button",
      title: "Things that happen in real workspaces",
      aria: { label: "Things that happen in real workspaces", haspopup: "menu" },
      data: { testid: "happenings" },
      on: { click: () => openMenu(node, items()) },
    },
    icon("globe"),
  );
  return node;
}

function items() {
  const channel = state.channels.get(state.route.channel);
  const common = [
    item("Another app posts an alert", "alert"),
    item("An alert with its details in blocks", "alert", { form: "both" }),
    newest() && item("Forward the newest message", "forward", { ts: newest() }),
    newest() &&
      item("Forward it with a question to the app", "forward", {
        ts: newest(),
        text: mention("what do you make of this?"),
      }),
    item("A workflow mentions the app", "workflow"),
    item("Another app speaks in your name", "other_app"),
    item("Paste a table with a question", "paste_table", { text: mention("which is dearest?") }),
    item("Start a group message", "group_message"),
    item("Your account is deactivated", "deactivate"),
    item("Your account is active again", "reactivate"),
  ];
  return [...common, ...(channel?.is_im ? [] : ofChannel(channel))].filter(Boolean);
}

function ofChannel(channel) {
  return [
    item("A partner’s member joins", "partner"),
    item("A colleague from a sister workspace joins", "grid_member"),
    item("The channel gets another id", "channel_id"),
    channel?.is_archived
      ? item("The channel is opened again", "unarchive")
      : item("The channel is archived", "archive"),
    channel?.members.includes(app()?.id)
      ? item("The app is removed", "remove_app")
      : item("The app is invited again", "invite_app"),
  ];
}

const item = (label, what, details = {}) => ({ label, choose: () => happen(what, details) });
