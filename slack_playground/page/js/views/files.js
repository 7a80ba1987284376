/* Files of a message: pictures in place, anything else as a card. */

import { fileUrl } from "/page/js/api.js";
import { h } from "/page/js/dom.js";
import { icon } from "/page/js/icons.js";
import { state } from "/page/js/store.js";

/** "12 kB" for a number of bytes. */
export function size(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000
    ? `${Math.round(bytes / 1000)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The node for one file object; `tombstone` files are told as deleted. */
export function fileNode(file) {
  if (file.mode === "tombstone") return h("p.unknown", null, "This file was deleted.");
  const href = fileUrl(file.id, state.me.id);
  const name = file.title || file.name || "File";
  return file.mimetype?.startsWith("image/") ? picture(file, name, href) : card(file, name, href);
}

function picture(file, name, href) {
  const image = h("img", {
    src: href,
    alt: file.alt_txt || name,
    loading: "lazy",
    width: file.original_w,
    height: file.original_h,
  });
  const caption = h("figcaption", null, name);
  return h(
    "figure.picture",
    { data: { testid: "file" } },
    caption,
    h("a", { href, target: "_blank", rel: "noopener noreferrer" }, image),
  );
}

function card(file, name, href) {
  const kind = file.pretty_type || file.filetype || file.mimetype || "File";
  const download = h(
    "a.icon-button",
    { href, download: file.name || name, aria: { label: `Download ${name}` }, title: "Download" },
    icon("download"),
  );
  const about = h(
    "div.file-about",
    null,
    h("strong", null, name),
    h("span", null, [kind, size(file.size)].filter(Boolean).join(" · ")),
  );
  const preview = file.preview && h("pre.file-preview", { tabindex: 0 }, file.preview);
  return h(
    "div.file",
    { data: { testid: "file" } },
    h("div.file-row", null, h("span.file-icon", null, icon("file", 22)), about, download),
    preview,
  );
}
