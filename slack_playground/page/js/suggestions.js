/* What an empty channel proposes to try. `text` fills the composer; `why` says what it shows. */

const HELLO = { text: "@Letta hello, who are you?", why: "A first answer, in a thread of its own" };
const FILES = {
  text: "@Letta which files are here? Summarise the most interesting one.",
  why: "Watch a reply grow while tools run",
};
const APPROVAL = {
  text: "@Letta create a file notes.md with three ideas for our next release",
  why: "Asks for your approval first",
};
const CODE = {
  text: "@Letta review the error handling in this project and show the worst place",
  why: "Code, tables and a long answer",
};
const GUEST = {
  text: "@Letta what may guests like Sam ask you for?",
  why: "People from outside are marked as such",
};
const PRIVATE = {
  text: "Hello! What do you remember about me?",
  why: "In direct messages no mention is needed",
};
const AGAIN = {
  text: "Remind me how approvals work here",
  why: "Each conversation keeps its own memory",
};

const BY_NAME = {
  general: [HELLO, FILES, APPROVAL],
  engineering: [CODE, APPROVAL, HELLO],
  partners: [GUEST, HELLO],
};

/** The proposals for a channel; none where nobody would answer. */
export function suggestionsFor(channel, bot) {
  if (channel.is_im) return bot && channel.user === bot.id ? [PRIVATE, AGAIN] : [];
  return (BY_NAME[channel.name] ?? [HELLO]).map((one) => ({
    ...one,
    text: one.text.replace("@Letta", `@${bot?.shown ?? "Letta"}`),
  }));
}
