/* Slack's angle-bracket tokens: people, channels, groups, dates and links. */

import { h, link } from "/page/js/dom.js";
import { state, userName } from "/page/js/store.js";
import { formatDateToken } from "/page/js/time.js";

/** Matches one token; its body is the first group. Bodies hold no bracket and no line break. */
export const TOKEN = /<([@#!][^<>\n]+|(?:https?|mailto|tel):[^<>\s][^<>\n]*)>/;

/** A mention chip: `me` marks one that is for the reader. */
const chip = (text, { me = false, user = null } = {}) =>
  h("span.mention", { class: me ? "is-me" : null, data: { user } }, text);

/** The chip for the user `id`, by her name here or by `label` if she is not known. */
export function userMention(id, label) {
  const name = state.users.has(id) ? userName(id) : label || id;
  return chip(`@${name}`, { me: id === state.me?.id, user: id });
}

export const broadcastMention = (range) => chip(`@${range}`, { me: true });
export const groupMention = (id, label) => chip(label || `@${id}`);

/** The chip for the channel `id`. */
export function channelMention(id, label) {
  return chip(`#${state.channels.get(id)?.name ?? (label || id)}`);
}

/** The node for a token's body (what stands between the brackets, entities already decoded). */
export function tokenNode(body) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : body.slice(bar + 1);
  if (target.startsWith("@")) return userMention(target.slice(1), label);
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!")) return special(target.slice(1), label);
  return link(target, label || target.replace(/^mailto:/, ""));
}

function special(target, label) {
  const [name, ...rest] = target.split("^");
  if (["here", "channel", "everyone"].includes(name)) return broadcastMention(name);
  if (name === "subteam") return groupMention(rest[0], label);
  if (name === "date") return dateNode(rest, label);
  return document.createTextNode(label || `<!${target}>`);
}

/** A `<!date^…>` token: `parts` are seconds, format and perhaps an address. */
export function dateNode([seconds, format, address], fallback) {
  const shown = formatDateToken(Number(seconds), format ?? "") ?? fallback;
  const text = address ? link(address, shown) : shown;
  return h("time", { title: fallback || null }, text);
}

const ENTITIES = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&nbsp;": "\u00a0",
};

/** `text` with the handful of entities that Slack's texts use decoded, once. */
export const decodeEntities = (text) =>
  text.includes("&")
    ? text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity])
    : text;
