/* The thread beside the channel: root, replies, what the agents are doing, composer. */

import { closeThread, send } from "/page/js/commands.js";
import { fill, h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { channelName, on, state, threadKey, threadMessages } from "/page/js/store.js";
import { editLast } from "/page/js/views/channel.js";
import { createComposer } from "/page/js/views/composer.js";
import { createDrafts } from "/page/js/views/drafts.js";
import { createMessageList } from "/page/js/views/messagelist.js";
import { createStatusLine, sessionNodes } from "/page/js/views/status.js";

/** The thread pane; `changed(open)` runs when it opens or closes. */
export function createThreadPane({ changed }) {
  const where = h("span.where");
  const session = h("span.session-place");
  const leave = { type: "button", data: { testid: "close-thread" }, on: { click: closeThread } };
  const head = h(
    "header.pane-head",
    null,
    h(
      "button.icon-button.back",
      { ...leave, data: { testid: "back-to-channel" }, aria: { label: "Back to the channel" } },
      icon("back"),
    ),
    h("div.about", null, h("h2.pane-title", null, "Thread"), where, session),
    h(
      "button.icon-button.close",
      { ...leave, aria: { label: "Close thread" }, title: "Close (Esc)" },
      icon("close"),
    ),
  );
  const list = createMessageList("thread", "Thread");
  const status = createStatusLine(() => state.route);
  const broadcast = h("input", { type: "checkbox", data: { testid: "broadcast" } });
  const broadcastName = h("span");
  const composer = createComposer({
    kind: "thread",
    testid: "thread-composer",
    sendTestid: "thread-send",
    label: "Reply…",
    extra: h("label.broadcast-choice", null, broadcast, broadcastName),
    send: (sent) => reply({ list, broadcast }, sent),
    up: () => editLast(list, threadMessages(state.route.channel, state.route.thread)),
    changed: (text) => drafts.keep(text),
  });
  const drafts = createDrafts(composer, () => threadKey(state.route.channel, state.route.thread));
  const node = h(
    "aside.thread",
    { hidden: true, aria: { label: "Thread" }, data: { testid: "thread-pane" } },
    head,
    list.node,
    h("div.foot", null, status.node, composer.node),
  );
  const pane = {
    node,
    where,
    session,
    list,
    composer,
    drafts,
    broadcastName,
    counter: h("div.divider.is-count", { role: "separator" }),
  };

  composer.acceptDrops(node);
  on(["route", "messages", "workspace"], () => draw(pane, changed));
  on(["status", "route"], () =>
    fill(session, sessionNodes(state.route.channel, state.route.thread)),
  );
  return { node, focus: composer.focus };
}

function draw(pane, changed) {
  const { channel: id, thread } = state.route;
  const channel = state.channels.get(id);
  const opened = Boolean(thread && channel);
  const toggled = pane.node.hidden === opened;
  pane.node.hidden = !opened;
  if (toggled) changed(opened);
  if (!opened) return;
  const name = channel.is_im ? channelName(channel) : `#${channel.name}`;
  pane.where.textContent = name;
  pane.broadcastName.textContent = `Also send to ${name}`;
  pane.drafts.follow();
  const messages = threadMessages(id, thread);
  const replies = messages.filter(({ ts, is_ephemeral: note }) => ts !== thread && !note).length;
  pane.counter.replaceChildren(h("span", null, replies === 1 ? "1 reply" : `${replies} replies`));
  pane.list.update(messages, {
    key: [state.me.id, id, thread, state.loaded.has(threadKey(id, thread))].join(),
    channel: id,
    afterFirst: replies ? pane.counter : null,
  });
}

async function reply({ list, broadcast }, { text, files }) {
  const { channel, thread } = state.route;
  list.toBottom();
  const sent = await send({
    channel,
    thread_ts: thread,
    text,
    files,
    broadcast: broadcast.checked,
  });
  if (sent) broadcast.checked = false;
  return sent;
}
