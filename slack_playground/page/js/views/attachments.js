/* Files waiting to be sent with a message. */

import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { size } from "/page/js/views/files.js";
import { toast } from "/page/js/views/toast.js";

const MOST_BYTES = 20_000_000;

/** The tray of a composer; `changed()` runs at each change. */
export function createAttachments(changed) {
  let waiting = []; // {name, type, blob}
  const node = h("div.tray", { hidden: true });
  const input = h("input", {
    type: "file",
    multiple: true,
    hidden: true,
    data: { testid: "file-input" },
  });
  const open = {
    type: "button",
    title: "Attach files",
    aria: { label: "Attach files" },
    on: { click: () => input.click() },
  };
  const button = h("span.attach", null, h("button.icon-button", open, icon("attach")), input);

  const draw = () => {
    node.hidden = !waiting.length;
    node.replaceChildren(
      ...waiting.map((file) => chip(file, () => set(waiting.filter((one) => one !== file)))),
    );
    changed();
  };
  const set = (files) => {
    waiting = files;
    draw();
  };
  const add = (files) => {
    const total = [...waiting.map(({ blob }) => blob), ...files].reduce(
      (sum, { size: bytes }) => sum + bytes,
      0,
    );
    if (total > MOST_BYTES)
      return toast(`Files of one message may have ${size(MOST_BYTES)} together.`);
    return set([
      ...waiting,
      ...files.map((blob) => ({ name: blob.name || "pasted", type: blob.type, blob })),
    ]);
  };
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  return {
    node,
    button,
    any: () => waiting.length > 0,
    take: async () => {
      const files = await Promise.all(waiting.map(encode));
      set([]);
      return files;
    },
    put: (files) => set(files.map(decode)),
    acceptPaste: (field) => acceptPaste(field, add),
    acceptDrops: (place, target) => acceptDrops(place, target, add),
  };
}

function acceptPaste(field, add) {
  field.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
}

// Only files: text that is dragged into the field stays the browser's affair.
function acceptDrops(place, target, add) {
  const onFiles = (run) => (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    run(event);
  };
  const mark = (on) => target.classList.toggle("is-target", on);
  place.addEventListener(
    "dragover",
    onFiles(() => mark(true)),
  );
  place.addEventListener("dragleave", (event) => mark(place.contains(event.relatedTarget)));
  place.addEventListener(
    "drop",
    onFiles((event) => {
      mark(false);
      add([...event.dataTransfer.files]);
    }),
  );
}

function chip({ name, type, blob }, drop) {
  const remove = h(
    "button.icon-button",
    { type: "button", aria: { label: `Remove ${name}` }, on: { click: drop } },
    icon("close", 14),
  );
  const face = type.startsWith("image/") ? thumbnail(blob) : icon("file", 20);
  return h(
    "span.file-chip",
    { data: { testid: "file-chip" } },
    face,
    h("span", null, h("strong", null, name), h("small", null, size(blob.size))),
    remove,
  );
}

function thumbnail(blob) {
  const image = h("img", { alt: "" });
  readAsDataUrl(blob).then((address) => {
    image.src = address;
  });
  return image;
}

async function encode({ name, type, blob }) {
  const address = await readAsDataUrl(blob);
  return { name, type, data: address.slice(address.indexOf(",") + 1) };
}

function readAsDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function decode({ name, type, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return { name, type, blob: new Blob([bytes], { type }) };
}
