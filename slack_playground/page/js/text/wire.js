/* Between what a person types ("@Letta hello") and what is sent ("<@U…> hello"). */

import { state, userName } from "/page/js/store.js";
import { decodeEntities } from "/page/js/text/tokens.js";

const CODE = /(```[\s\S]*?(?:```|$)|`[^`\n]*`)/;
const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Names of people become mentions, except in code. */
export function toWire(typed) {
  const users = [...state.users.values()].sort(
    (a, b) => userName(b.id).length - userName(a.id).length,
  );
  const mention = (text) =>
    users.reduce((sent, user) => sent.replace(namePattern(user), `$1<@${user.id}>`), text);
  return typed
    .split(CODE)
    .map((part, index) => (index % 2 ? part : mention(part)))
    .join("")
    .trim();
}

const namePattern = (user) =>
  new RegExp(`(^|[^\\p{L}\\p{N}@<])@${escapeRegExp(userName(user.id))}(?![\\p{L}\\p{N}])`, "giu");

/** A stored text as the person may edit it again. */
export function fromWire(text) {
  const readable = text
    .replace(/<@([A-Z0-9]+)(?:\|[^>]*)?>/g, (_, id) => `@${userName(id)}`)
    .replace(/<#[A-Z0-9]+\|([^>]+)>/g, "#$1")
    .replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1");
  return decodeEntities(readable);
}
