/* The beginning of a channel: what it is for and what to try in it. */

import { authorOfUser, avatar } from "/page/js/author.js";
import { invite } from "/page/js/commands.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { channelName, state, userName } from "/page/js/store.js";
import { suggestionsFor } from "/page/js/suggestions.js";

const appUser = () => {
  const bot = [...state.users.values()].find((user) => user.is_bot);
  return bot && { ...bot, shown: userName(bot.id) };
};

/** The introduction of `channel`; `onPick(text)` gets a chosen proposal. */
export function introNode(channel, onPick) {
  const bot = appUser();
  const absent = bot && !channel.is_im && !channel.members.includes(bot.id);
  return h(
    "section.intro",
    { aria: { label: `About ${channelName(channel)}` }, data: { testid: "intro" } },
    channel.is_im
      ? avatar(authorOfUser(channel.user), "large")
      : h("span.intro-mark", null, icon("hash", 28)),
    h("h3", null, channel.is_im ? channelName(channel) : `#${channel.name}`),
    h("p", null, describe(channel)),
    absent ? absence(channel, bot) : proposals(suggestionsFor(channel, bot), onPick),
  );
}

function describe(channel) {
  if (channel.is_im) return `This conversation is just between you and ${channelName(channel)}.`;
  const about = channel.topic ? `${channel.topic.replace(/[.!?]?$/, ".")} ` : "";
  const shared = channel.is_ext_shared
    ? "It is shared with another organisation, so people from outside read along. "
    : "";
  return `${about}${shared}This is where #${channel.name} begins.`;
}

function absence(channel, bot) {
  const run = { click: () => invite(channel.id, bot.id) };
  return h(
    "div.absence",
    null,
    h("p", null, `${bot.shown} is not in this channel: a mention here reaches nobody.`),
    h(
      "button.button.is-primary",
      { type: "button", data: { testid: "invite" }, on: run },
      `Invite ${bot.shown}`,
    ),
  );
}

function proposals(found, onPick) {
  if (!found.length) return null;
  const items = found.map(({ text, why }) =>
    h(
      "li",
      null,
      h(
        "button.proposal",
        { type: "button", data: { testid: "suggestion" }, on: { click: () => onPick(text) } },
        h("span", null, text),
        h("small", null, why),
      ),
    ),
  );
  return h("div.proposals", null, h("h4", null, "Try"), h("ul", null, items));
}
