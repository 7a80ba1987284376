/*
 * The playground's page: a chat client for a Slack workspace that lives on this machine.
 *
 * Stable hooks for tests (`data-testid`):
 *   channel-{name}            sidebar entry of a channel; of a DM with the other's user name
 *   person-{id}               who sits at the keyboard
 *   composer, send            the channel's text field and button; thread-composer, thread-send
 *   message                   a message, with data-ts and data-author; `ephemeral` for "only you" notes
 *   open-thread               "Reply in thread" in a message's tools (shown on hover and focus)
 *   thread-summary            "3 replies" below a message; thread-status in it while someone is busy
 *   thread-pane, close-thread, broadcast
 *   action-{action_id}        a button, select or input of Block Kit; action-error text is role=alert
 *   react, edit, delete       tools of a message; edit-composer, edit-save; emoji-picker, emoji-{name}
 *   reaction-{name}           a reaction below a message; aria-pressed tells whether it is yours
 *   mention-{name}            an entry of the name completion
 *   file-input, file-chip, file   attaching, waiting, sent
 *   modal, modal-submit, modal-close; confirm, confirm-yes
 *   status-line               "Ada is thinking…" under a list
 *   session (data-status), session-stop   in the thread's head
 *   new-messages              the pill while scrolled up; unread-marker the "New" line
 *   intro, suggestion, invite the beginning of a channel
 *   happenings                the menu of what happens in real workspaces
 *   banner, link-state, theme-toggle, tab-home, tab-messages, home
 *   inspector-toggle, inspector, entry (data-kind, data-name), filter-{all|calls|events|errors},
 *   inspector-pause, inspector-clear, inspector-close, sockets, rate-limits, fault-{name},
 *   fault-{name}-{param}
 * The address `/?as=U…&channel=C…&thread=ts` opens the same view again.
 */

import { attempt, closeThread, followHistory, markShownRead, start, tellRead } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { readRoute } from "/page/js/route.js";
import { on, state } from "/page/js/store.js";
import { createBanner } from "/page/js/views/banner.js";
import { createChannelView } from "/page/js/views/channel.js";
import { createHappenings } from "/page/js/views/happenings.js";
import { createInspector } from "/page/js/views/inspector.js";
import { mountModals } from "/page/js/views/modal.js";
import { createSidebar, stepChannel } from "/page/js/views/sidebar.js";
import { createThreadPane } from "/page/js/views/thread.js";
import { speakerHost, toastHost } from "/page/js/views/toast.js";

const app = document.querySelector("#app");
const narrow = matchMedia("(max-width: 760px)");

/** Which pane a narrow window shows: "list", "channel" or "thread". */
const showPane = (name) => {
  app.dataset.pane = name;
};

const themeToggle = h("button.icon-button", {
  type: "button",
  data: { testid: "theme-toggle" },
  on: { click: flipTheme },
});
const inspectorToggle = h(
  "button.icon-button",
  {
    type: "button",
    title: "Inspector",
    aria: { label: "Inspector", expanded: false },
    data: { testid: "inspector-toggle" },
    on: { click: () => showInspector(inspector.node.hidden) },
  },
  icon("bug"),
  h("span.tool-name", null, "Inspector"),
);
const inspector = createInspector({ close: () => showInspector(false) });
const sidebar = createSidebar({ onLeave: leaveSidebar });
const channel = createChannelView({
  tools: [createHappenings(), themeToggle, inspectorToggle],
  back: () => showPane("list"),
});
const thread = createThreadPane({ changed: threadChanged });

function drawTheme() {
  const dark = window.playgroundTheme.current() === "dark";
  const label = dark ? "Light theme" : "Dark theme";
  themeToggle.replaceChildren(icon(dark ? "sun" : "moon"));
  themeToggle.title = label;
  themeToggle.setAttribute("aria-label", label);
}

function flipTheme() {
  window.playgroundTheme.choose(window.playgroundTheme.current() === "dark" ? "light" : "dark");
  drawTheme();
}

function showInspector(opened) {
  inspector.toggle(opened);
  app.dataset.inspector = opened ? "open" : "closed";
  inspectorToggle.setAttribute("aria-expanded", String(opened));
  if (!opened) inspectorToggle.focus();
}

function leaveSidebar() {
  showPane(state.route.thread ? "thread" : "channel");
  if (!narrow.matches) channel.focus();
}

let focusBefore = null;

function threadChanged(opened) {
  app.dataset.thread = opened ? "open" : "closed";
  showPane(opened ? "thread" : "channel");
  if (opened) {
    focusBefore = document.activeElement;
    if (!narrow.matches) thread.focus();
  } else if (
    thread.node.contains(document.activeElement) ||
    document.activeElement === document.body
  ) {
    if (focusBefore?.isConnected) focusBefore.focus();
    else channel.focus();
  }
}

function onKey(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") escape();
  if (event.key.startsWith("Page")) turnPage(event);
  const step = event.altKey && { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  stepChannel(step);
}

// The messages above a composer can be read without leaving it.
function turnPage(event) {
  const scroller = event.target.closest(".channel, .thread")?.querySelector(".scroller");
  if (!scroller) return;
  event.preventDefault();
  scroller.scrollBy({ top: scroller.clientHeight * (event.key === "PageUp" ? -0.85 : 0.85) });
}

// Esc closes what was opened last on top of the channel.
function escape() {
  if (
    !inspector.node.hidden &&
    (inspector.node.contains(document.activeElement) || !state.route.thread)
  )
    showInspector(false);
  else if (state.route.thread) closeThread();
}

async function boot() {
  app.append(createBanner(), sidebar, channel.node, thread.node, inspector.node);
  document.body.append(toastHost(), speakerHost());
  drawTheme();
  mountModals();
  followHistory();
  on("read", tellRead);
  on("route", () => !state.route.thread && app.dataset.pane === "thread" && showPane("channel"));
  document.addEventListener("keydown", onKey);
  document.addEventListener(
    "visibilitychange",
    () => !document.hidden && state.me && markShownRead(),
  );
  const route = readRoute();
  const started =
    (await attempt(() => start(route))) || (route.as && (await attempt(() => start({ as: null }))));
  app.removeAttribute("aria-busy");
  if (!started)
    setTimeout(() => location.reload(), 3000); // the server may still be starting
  else if (!narrow.matches && !state.route.thread) channel.focus();
}

boot();
