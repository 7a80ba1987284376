/* What was typed but not sent stays with its conversation. */

/** Drafts for one composer; `place()` names the conversation it stands in. */
export function createDrafts(composer, place) {
  const texts = new Map();
  let shown;
  return {
    keep: (text) => shown && texts.set(shown, text),
    /** Show the draft of the conversation that is open now. */
    follow: () => {
      const key = place();
      if (key === shown) return;
      shown = key;
      composer.set(texts.get(key) ?? "");
    },
  };
}
