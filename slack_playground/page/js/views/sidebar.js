/* Workspace, channels, direct messages, and who sits at the keyboard. */

import { authorOfUser, avatar } from "/page/js/author.js";
import { become, openChannel, openDm } from "/page/js/commands.js";
import { fill, h, refill } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { channelName, on, state, userName } from "/page/js/store.js";

/** The sidebar; it draws itself when the workspace or the route changes. */
export function createSidebar({ onLeave }) {
  const title = h("h1.workspace");
  const channels = h("ul.nav-list");
  const directs = h("ul.nav-list");
  const people = h("div.people", { role: "radiogroup", aria: { label: "Who you are" } });
  people.addEventListener("keydown", walkPeople);
  const nav = h(
    "nav",
    { aria: { label: "Conversations" } },
    h("h2", null, "Channels"),
    channels,
    h("h2", null, "Direct messages"),
    directs,
  );
  const you = h(
    "section.you",
    { aria: { label: "Who you are" } },
    h("h2", null, "You are"),
    people,
  );
  const node = h("aside.sidebar", null, h("header", null, title), nav, you);
  nav.addEventListener("click", (event) => event.target.closest("button") && onLeave());
  on(["workspace", "route"], () => {
    fill(
      title,
      h("span.workspace-mark", { aria: { hidden: true } }, state.team.name[0]),
      state.team.name,
    );
    const rooms = [...state.channels.values()].filter((channel) => !channel.is_im);
    refill(
      channels,
      rooms.map((channel) => h("li", null, channelButton(channel))),
    );
    refill(
      directs,
      directEntries().map((entry) => h("li", null, entry)),
    );
    refill(people, state.people.map(personButton));
  });
  return node;
}

function channelButton(channel) {
  const here = channel.id === state.route.channel;
  const props = {
    type: "button",
    class: [here && "is-here", channel.unread && "is-unread"].filter(Boolean).join(" "),
    aria: { current: here ? "page" : null },
    data: {
      testid: `channel-${channel.is_im ? state.users.get(channel.user)?.name : channel.name}`,
      channel: channel.id,
    },
    // Opening the app's messages is an event for the app, each time.
    on: { click: () => (channel.is_im ? openDm(channel.user) : openChannel(channel.id)) },
  };
  const face = channel.is_im
    ? avatar(authorOfUser(channel.user), "tiny")
    : icon(channel.is_private ? "lock" : "hash", 16);
  const shared =
    channel.is_ext_shared &&
    h("span.shared", { title: "Shared with another organisation" }, icon("globe", 14));
  const count =
    channel.unread > 0 &&
    h("span.unread", { aria: { label: `${channel.unread} unread` } }, String(channel.unread));
  return h(
    "button.nav-item",
    props,
    face,
    h("span.nav-name", null, channelName(channel)),
    shared,
    count,
  );
}

// Everyone can be written to: those without a conversation yet get one at the first click.
function directEntries() {
  const open = [...state.channels.values()].filter((channel) => channel.is_im);
  const reached = new Set(open.map((channel) => channel.user));
  const others = [...state.users.values()].filter(
    (user) => user.id !== state.me.id && !reached.has(user.id),
  );
  const rank = (id) => Number(!state.users.get(id)?.is_bot);
  const entries = [
    ...open.map((channel) => ({ user: channel.user, node: channelButton(channel) })),
    ...others.map((user) => ({ user: user.id, node: personEntry(user) })),
  ];
  return entries
    .sort((a, b) => rank(a.user) - rank(b.user) || userName(a.user).localeCompare(userName(b.user)))
    .map(({ node }) => node);
}

function personEntry(user) {
  const props = {
    type: "button",
    data: { testid: `channel-${user.name}` },
    on: { click: () => openDm(user.id) },
  };
  return h(
    "button.nav-item.is-faint",
    props,
    avatar(authorOfUser(user.id), "tiny"),
    h("span.nav-name", null, userName(user.id)),
  );
}

function personButton(user) {
  const me = user.id === state.me.id;
  const props = {
    type: "button",
    role: "radio",
    title: `Be ${userName(user.id)}${user.is_guest ? " (guest from outside)" : ""}`,
    aria: { checked: me },
    tabindex: me ? 0 : -1,
    data: { testid: `person-${user.id}` },
    on: { click: () => become(user.id) },
  };
  const name = h("span.person-name", null, userName(user.id).split(" ")[0]);
  return h(
    "button.person",
    props,
    avatar(authorOfUser(user.id), "small"),
    name,
    user.is_guest && h("span.badge.is-guest", null, "Guest"),
  );
}

function walkPeople(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.children];
  const next =
    buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
  next.focus();
  next.click();
}

/** Go to the next (1) or previous (-1) conversation. */
export function stepChannel(step) {
  const buttons = [...document.querySelectorAll(".sidebar .nav-item[data-channel]")];
  const at = buttons.findIndex((button) => button.dataset.channel === state.route.channel);
  buttons[(at + step + buttons.length) % buttons.length]?.click();
}
