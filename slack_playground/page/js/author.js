/* Who a message is from, as it is shown: overrides of name and picture included. */

import { h } from "/page/js/dom.js";
import { state, userName } from "/page/js/store.js";
import { iconEmoji } from "/page/js/text/emoji.js";

const HUES = ["teal", "amber", "rose", "indigo", "green", "plum", "blue", "brick"];

/** {key, name, isApp, isGuest, picture, hue}; messages with the same key are one person's. */
export function authorOf(message) {
  const user = state.users.get(message.user) ?? appBehind(message.user);
  const name = message.username || (user ? userName(user.id) : message.user || "Unknown");
  const icons = message.icons ?? {};
  const own = message.username ? null : user?.avatar_url;
  return {
    key: `${message.user}|${message.bot_id}|${name}|${icons.emoji ?? icons.image_64 ?? ""}`,
    name,
    isApp: Boolean(message.bot_id || user?.is_bot),
    isGuest: Boolean(user?.is_guest),
    emoji: iconEmoji(icons.emoji),
    src: icons.image_64 ?? icons.image_48 ?? icons.image_36 ?? own,
    hue: hueOf(name),
  };
}

// Slack names apps by their bot id where a thread's repliers are listed.
const appBehind = (id) =>
  id?.startsWith("B") ? [...state.users.values()].find((user) => user.is_bot) : undefined;

/** The same shape for a user of the workspace. */
export const authorOfUser = (id) => authorOf({ user: id });

/** A stable hue for a name, so that every teammate keeps her colour. */
export function hueOf(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return HUES[sum % HUES.length];
}

const initials = (name) =>
  name
    .split(/[\s_-]+/)
    .filter(Boolean)
    .map((word) => [...word][0])
    .slice(0, 2)
    .join("")
    .toUpperCase();

/** An avatar: picture, emoji or initials. Decorative, since the name always stands beside it. */
export function avatar(author, size = "normal") {
  const letters = () => h("span", null, initials(author.name));
  const inside = author.emoji
    ? h("span.avatar-emoji", null, author.emoji)
    : author.src
      ? picture(author, letters)
      : letters();
  return h(
    "span.avatar",
    { class: `is-${size} hue-${author.hue}`, aria: { hidden: "true" } },
    inside,
  );
}

function picture({ src }, otherwise) {
  const image = h("img", { src, alt: "" });
  image.addEventListener("error", () => image.replaceWith(otherwise()));
  return image;
}
