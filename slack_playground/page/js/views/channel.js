/* The middle of the page: a channel's head, its messages (or the app's home) and the composer. */

import { authorOfUser, avatar } from "/page/js/author.js";
import { openHome, send } from "/page/js/commands.js";
import { fill, h, refill } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { channelMessages, channelName, lastOwn, on, state, threadKey } from "/page/js/store.js";
import { createComposer } from "/page/js/views/composer.js";
import { createDrafts } from "/page/js/views/drafts.js";
import { createHome } from "/page/js/views/home.js";
import { introNode } from "/page/js/views/intro.js";
import { createMessageList } from "/page/js/views/messagelist.js";
import { createStatusLine } from "/page/js/views/status.js";
import { startEditing } from "/page/js/views/toolbar.js";

/** The channel view. `tools` are the buttons at the head's right; `back` leads to the sidebar. */
export function createChannelView({ tools, back }) {
  const about = h("div.about");
  const tabs = h("div.tabs", { role: "tablist", aria: { label: "What to show" }, hidden: true });
  const head = h(
    "header.pane-head",
    null,
    backButton(back),
    about,
    tabs,
    h("div.head-tools", null, tools),
  );
  const list = createMessageList("channel", "Messages");
  const status = createStatusLine(() => ({ channel: state.route.channel, thread: null }));
  const composer = createComposer({
    testid: "composer",
    sendTestid: "send",
    label: "Message",
    send: (sent) => say(list, sent),
    up: () => editLast(list, channelMessages(state.route.channel)),
    changed: (text) => drafts.keep(text),
  });
  const drafts = createDrafts(composer, () => state.route.channel);
  const home = createHome();
  const talk = h("div.talk", null, list.node, h("div.foot", null, status.node, composer.node));
  const node = h("main.channel", { aria: { label: "Channel" } }, head, talk, home.node);
  const view = {
    node,
    about,
    tabs,
    list,
    composer,
    drafts,
    talk,
    home,
    showsHome: false,
    intro: null,
  };

  composer.acceptDrops(talk);
  on(["route", "workspace", "messages", "home"], () => draw(view));
  on("status", () => list.rows.forEach((row) => row.refresh?.()));
  return { node, focus: composer.focus };
}

const backButton = (back) =>
  h(
    "button.icon-button.back",
    {
      type: "button",
      aria: { label: "Back to conversations" },
      data: { testid: "back-to-list" },
      on: { click: back },
    },
    icon("back"),
  );

function draw(view) {
  const channel = state.channels.get(state.route.channel);
  if (!channel) return;
  const name = channel.is_im ? channelName(channel) : `#${channel.name}`;
  document.title = `${unreadMark()}${name} · ${state.team.name}`;
  fill(view.about, aboutNodes(channel));
  drawTabs(view, channel);
  view.talk.hidden = view.showsHome;
  view.home.node.hidden = !view.showsHome;
  view.composer.setLabel(`Message ${name}`);
  view.drafts.follow();
  view.list.update(channelMessages(channel.id), {
    key: [state.me.id, channel.id, state.loaded.has(threadKey(channel.id, null))].join(),
    channel: channel.id,
    marker: state.markers.get(channel.id),
    intro: introFor(view, channel),
  });
}

const unreadMark = () => {
  const sum = [...state.channels.values()].reduce(
    (total, channel) => total + (channel.unread ?? 0),
    0,
  );
  return sum ? `(${sum}) ` : "";
};

function aboutNodes(channel) {
  const face = channel.is_im
    ? avatar(authorOfUser(channel.user), "small")
    : icon(channel.is_private ? "lock" : "hash", 18);
  const shared =
    channel.is_ext_shared &&
    h("span.badge.is-guest", { title: "People from another organisation are here" }, "Shared");
  const count = channel.members.length;
  const members =
    !channel.is_im && h("span.members", null, count === 1 ? "1 member" : `${count} members`);
  return [
    face,
    h("h2.pane-title", null, channelName(channel)),
    shared,
    h("span.topic", { title: channel.topic || null }, channel.topic ?? ""),
    members,
  ];
}

function drawTabs(view, channel) {
  const offered = state.appHasHome && channel.is_im && state.users.get(channel.user)?.is_bot;
  view.tabs.hidden = !offered;
  if (!offered) view.showsHome = false;
  if (!offered) return;
  const tab = (name, home) => {
    const choose = () => {
      view.showsHome = home;
      draw(view);
      if (home) openHome();
    };
    const selected = view.showsHome === home;
    return h(
      "button.tab",
      {
        type: "button",
        role: "tab",
        aria: { selected },
        data: { testid: `tab-${name.toLowerCase()}` },
        on: { click: choose },
      },
      name,
    );
  };
  refill(view.tabs, tab("Messages", false), tab("Home", true));
}

/** The introduction is drawn anew only when it says something else, so that it keeps the focus. */
function introFor(view, channel) {
  if (!state.loaded.has(threadKey(channel.id, null))) return null;
  const signature = JSON.stringify([state.me.id, channel.id, channel.members, channel.topic]);
  if (view.intro?.signature !== signature) {
    const pick = (text) => {
      view.composer.set(text);
      view.composer.focus();
    };
    view.intro = { signature, node: introNode(channel, pick) };
  }
  return view.intro.node;
}

function say(list, { text, files }) {
  list.toBottom();
  return send({ channel: state.route.channel, text, files });
}

/** Edit the newest message of one's own, if the list shows it. */
export function editLast(list, messages) {
  const message = lastOwn(messages);
  const row = message && list.row(message.ts);
  if (row) startEditing(row);
}
