/* Building DOM nodes. Nothing in this page ever parses a string as HTML. */

const PROPERTIES = new Set(["value", "checked", "selected", "disabled", "hidden", "textContent"]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: `h("button.primary", { type: "button", on: { click } }, "Send")`.
 * `data`, `aria`, `on` and `vars` are maps of data attributes, ARIA attributes, listeners and CSS
 * variables; null, undefined and false leave a prop or a child out; arrays of children are flattened.
 */
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) setProp(node, name, value);
  node.append(...flatten(children));
  return node;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || (value === false && !PROPERTIES.has(name))) return;
  if (name === "class") node.classList.add(...String(value).split(" ").filter(Boolean));
  else if (name === "data") Object.assign(node.dataset, present(value));
  else if (name === "aria") setAria(node, value);
  else if (name === "on") setListeners(node, value);
  else if (name === "vars") setVariables(node, value);
  else if (PROPERTIES.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

const present = (map) =>
  Object.fromEntries(
    Object.entries(map).filter(([, value]) => value !== null && value !== undefined),
  );

function setAria(node, map) {
  for (const [key, value] of Object.entries(present(map)))
    node.setAttribute(`aria-${key}`, String(value));
}

function setListeners(node, map) {
  for (const [key, listener] of Object.entries(present(map))) node.addEventListener(key, listener);
}

function setVariables(node, map) {
  for (const [key, value] of Object.entries(present(map)))
    node.style.setProperty(`--${key}`, value);
}

export const flatten = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false);

/** An SVG icon from `paths`: one `d` string or several, stroked, 20 units wide. Always decorative. */
export function svg(paths, { size = 20, filled = false } = {}) {
  const node = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 20 20",
    width: size,
    height: size,
    "aria-hidden": "true",
    class: "icon",
  };
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  for (const d of [paths].flat()) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    if (filled) path.setAttribute("class", "filled");
    node.append(path);
  }
  return node;
}

/** The address if it is one a reader may follow (http, https, mailto), else null. */
export function safeHref(address) {
  try {
    const url = new URL(address);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A link that leaves the page, or its bare label where the address is not one to follow. */
export function link(address, label) {
  const href = safeHref(address);
  const children = label === undefined || label === "" || label?.length === 0 ? address : label;
  if (!href) return h("span", null, children);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, children);
}

/** Show or hide `node`; only while shown it answers to `testid`, so that tests find just one. */
export function reveal(node, shown, testid) {
  node.hidden = !shown;
  if (shown) node.dataset.testid = testid;
  else delete node.dataset.testid;
}

/** Make `node` hold exactly `children`. */
export function fill(node, ...children) {
  node.replaceChildren(...flatten(children));
  return node;
}

/** The same, but what had the focus has it again, found by its `data-testid`. */
export function refill(node, ...children) {
  const focused = node.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : null;
  fill(node, ...children);
  if (focused) node.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
}

/**
 * Turn `old` into `fresh` while keeping every node that has not changed, so that a text which grows
 * several times a second keeps its selection and its inner scroll positions.
 * Listeners are not carried over: use it for content whose clicks are handled further up.
 * Returns the node that now stands in the document.
 */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  morphAttributes(old, fresh);
  morphChildren(old, [...fresh.childNodes]);
  return old;
}

function morphAttributes(old, fresh) {
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

/** The same for a list of children. */
export function morphChildren(parent, fresh) {
  const old = [...parent.childNodes];
  fresh.forEach((node, index) => {
    if (index < old.length) morph(old[index], node);
    else parent.append(node);
  });
  for (const node of old.slice(fresh.length)) node.remove();
}
