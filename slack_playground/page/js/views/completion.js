/* Completion of @names in a text field: people, the app, and teammates known by plain name. */

import { authorOf, authorOfUser, avatar } from "/page/js/author.js";
import { h } from "/page/js/dom.js";
import { state, teammateNames, userName } from "/page/js/store.js";

const MOST = 8;
const BEFORE_CARET = /(?:^|[\s(])@([\p{L}\p{N}._-]*)$/u;
let serial = 0;

/** Offer names while `field` is typed in. Returns {key(event)}: true if it took the key. */
export function enableCompletion(field, host) {
  const id = `names-${(serial += 1)}`;
  const box = h("ul.completion", { id, role: "listbox", aria: { label: "Names" }, hidden: true });
  host.append(box);
  const attributes = {
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": id,
    "aria-expanded": "false",
  };
  for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
  const offer = { field, box, id, found: [], at: 0, start: 0 };
  field.addEventListener("input", () => open(offer));
  field.addEventListener("blur", () => close(offer));
  return { key: (event) => onKey(event, offer) };
}

function open(offer) {
  const { field } = offer;
  const match = BEFORE_CARET.exec(field.value.slice(0, field.selectionStart));
  offer.found = match ? candidates(match[1]) : [];
  offer.start = match ? field.selectionStart - match[1].length - 1 : 0;
  offer.at = 0;
  draw(offer);
}

function candidates(typed) {
  const wanted = typed.toLowerCase();
  const users = [...state.users.values()]
    .filter((user) => user.id !== state.me.id)
    .map((user) => ({
      name: userName(user.id),
      author: authorOfUser(user.id),
      hint: hintFor(user),
    }));
  const known = new Set(users.map(({ name }) => name.toLowerCase()));
  const teammates = teammateNames()
    .filter((name) => !known.has(name.toLowerCase()))
    .map((name) => ({ name, author: authorOf({ username: name, bot_id: "B" }), hint: "teammate" }));
  const all = [
    ...teammates,
    ...users.sort((a, b) => Number(b.author.isApp) - Number(a.author.isApp)),
  ];
  const fits = ({ name }) =>
    name
      .toLowerCase()
      .split(/[\s._-]+/)
      .some((word) => word.startsWith(wanted)) || name.toLowerCase().startsWith(wanted);
  return all.filter(fits).slice(0, MOST);
}

const hintFor = (user) => (user.is_bot ? "app" : user.is_guest ? "guest" : "");

function draw(offer) {
  const { field, box, id, found, at } = offer;
  box.hidden = !found.length;
  box.replaceChildren(...found.map((one, index) => optionNode(offer, one, index)));
  field.setAttribute("aria-expanded", String(found.length > 0));
  if (found.length) field.setAttribute("aria-activedescendant", `${id}-${at}`);
  else field.removeAttribute("aria-activedescendant");
}

function optionNode(offer, { name, author, hint }, index) {
  const props = {
    id: `${offer.id}-${index}`,
    role: "option",
    aria: { selected: index === offer.at },
    data: { testid: `mention-${name}` },
  };
  const node = h(
    "li",
    props,
    avatar(author, "tiny"),
    h("span", null, name),
    hint && h("span.hint", null, hint),
  );
  node.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the field keeps the focus
    choose(offer, index);
  });
  return node;
}

function close(offer) {
  offer.found = [];
  draw(offer);
}

function choose(offer, index) {
  const { field, start, found } = offer;
  field.setRangeText(`@${found[index].name} `, start, field.selectionStart, "end");
  close(offer);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function onKey(event, offer) {
  const { found } = offer;
  if (!found.length) return false;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    offer.at = (offer.at + step + found.length) % found.length;
    draw(offer);
  } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab")
    choose(offer, offer.at);
  else if (event.key === "Escape") {
    event.stopPropagation();
    close(offer);
  } else return false;
  event.preventDefault();
  return true;
}
