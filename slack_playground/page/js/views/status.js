/* What agents are doing in a thread, in words: "Ada is thinking…". */

import { authorOf, avatar } from "/page/js/author.js";
import { stopSession } from "/page/js/commands.js";
import { fill, h, reveal } from "/page/js/dom.js";
import { inner, on, state, threadKey } from "/page/js/store.js";

const statusesOf = (channel, thread) => [
  ...inner(state.statuses, threadKey(channel, thread)).values(),
];
const nameOf = (status) => authorOf(status).name;

/** One sentence for each author who is busy in the thread. */
export const statusSentences = (channel, thread) =>
  statusesOf(channel, thread).map((status) => `${nameOf(status)} ${status.status}`);

/** The line under a list; `place()` tells {channel, thread} at each change. */
export function createStatusLine(place) {
  const node = h("div.status-line", { role: "status", aria: { live: "polite" }, hidden: true });
  const draw = () => {
    const { channel, thread } = place();
    const shown = channel ? statusesOf(channel, thread) : [];
    const sentences = shown.map((status) => `${nameOf(status)} ${status.status}`);
    if (node.dataset.shown === JSON.stringify(sentences)) return;
    node.dataset.shown = JSON.stringify(sentences);
    reveal(node, shown.length > 0, "status-line");
    fill(
      node,
      shown.map((status, index) =>
        h(
          "span.doing",
          null,
          avatar(withIcon(status), "tiny"),
          h("span", null, sentences[index]),
          dots(),
        ),
      ),
    );
  };
  on(["status", "route"], draw);
  return { node, draw };
}

const withIcon = (status) => authorOf({ ...status, icons: iconsOf(status.icon) });
const iconsOf = (icon) => {
  if (!icon) return {};
  if (typeof icon === "object") return icon;
  return icon.startsWith(":") ? { emoji: icon } : { image_64: icon };
};
const dots = () => h("span.dots", { aria: { hidden: true } }, h("i"), h("i"), h("i"));

const SESSIONS = {
  processing: "Working",
  active: "Ready",
  suspended: "Waiting for someone",
  closed: "Closed",
};

/** The session's title, status and, while it works, the Stop button; empty where none is known. */
export function sessionNodes(channel, thread) {
  const { status, title } = state.sessions.get(threadKey(channel, thread)) ?? {};
  if (!SESSIONS[status]) return [];
  const chip = h(
    "span.session",
    { class: `is-${status}`, data: { testid: "session", status } },
    h("span.session-dot"),
    SESSIONS[status],
  );
  const stop = {
    type: "button",
    data: { testid: "session-stop" },
    on: { click: () => stopSession(channel, thread) },
  };
  return [
    title && h("span.where", { title }, title),
    chip,
    status === "processing" &&
      state.appHearsStop &&
      h("button.button.is-small", stop, "Stop"),
  ];
}
