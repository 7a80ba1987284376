/* Who looks at what, kept in the address: `/?as=U…&channel=C…&thread=ts`. */

/** What the address asks for; null where it is silent. */
export function readRoute() {
  const query = new URLSearchParams(location.search);
  return { as: query.get("as"), channel: query.get("channel"), thread: query.get("thread") };
}

/** Write the address, as a new step of the history unless `replace`. */
export function writeRoute({ as, channel, thread }, { replace = false } = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ as, channel, thread }))
    if (value) query.set(key, value);
  const address = `${location.pathname}?${query}`;
  if (address === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}
