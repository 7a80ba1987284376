/* The line below a message that leads into its thread, and what is going on in there. */

import { authorOfUser, avatar } from "/page/js/author.js";
import { openThread } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { isReply } from "/page/js/store.js";
import { when } from "/page/js/time.js";
import { statusSentences } from "/page/js/views/status.js";

/** The line for a row in the channel; null where there is no thread. */
export function threadSummary(row) {
  const {
    reply_count: count = 0,
    reply_users: users = [],
    latest_reply: latest,
    ts,
    is_ephemeral: note,
  } = row.message;
  if (note || isReply(row.message)) return null;
  const doing = statusSentences(row.channel, ts);
  if (!count && !doing.length) return null;
  const status =
    doing.length > 0 &&
    h("span.thread-doing", { data: { testid: "thread-status" } }, h("span.pulse"), doing.join(" "));
  const replies = count > 0 && [
    h(
      "span.faces",
      null,
      users.slice(0, 3).map((id) => avatar(authorOfUser(id), "tiny")),
    ),
    h("strong", null, count === 1 ? "1 reply" : `${count} replies`),
    latest && !doing.length && h("span.latest", null, `last reply ${when(latest)}`),
  ];
  const props = {
    type: "button",
    data: { testid: "thread-summary" },
    on: { click: () => openThread(ts) },
  };
  return h("button.thread-line", props, replies, status, icon("chevron", 16));
}
