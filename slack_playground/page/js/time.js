/* Instants as people read them. A Slack `ts` is seconds since the epoch with six decimals. */

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const longDay = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

export const dateOf = (ts) => new Date(Number(ts) * 1000);
export const timeOf = (ts) => clock.format(dateOf(ts));
export const fullTimeOf = (ts) => full.format(dateOf(ts));

/** "12:01:07" for milliseconds since the epoch. */
export const preciseTime = (ms) => clockWithSeconds.format(new Date(ms));

const dayNumber = (date) =>
  Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / 86_400_000);

/** A key that is the same for all messages of one local day. */
export const dayKey = (ts) => dayNumber(dateOf(ts));

/** "Today", "Yesterday" or "Monday 3 March". */
export function dayName(ts, now = new Date()) {
  const age = dayNumber(now) - dayKey(ts);
  if (age === 0) return "Today";
  if (age === 1) return "Yesterday";
  return longDay.format(dateOf(ts));
}

/** "today 12:01", "yesterday 12:01" or "3 Mar 12:01". */
export function when(ts, now = new Date()) {
  const age = dayNumber(now) - dayKey(ts);
  const day = age === 0 ? "today" : age === 1 ? "yesterday" : shortDay.format(dateOf(ts));
  return `${day} ${timeOf(ts)}`;
}

const DATE_TOKENS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

/** Fill a date token's `format` for `seconds` since the epoch; null if the instant is no number. */
export function formatDateToken(seconds, format) {
  if (!Number.isFinite(seconds)) return null;
  const date = new Date(seconds * 1000);
  return format.replace(/\{(\w+)\}/g, (whole, name) => {
    const [base] = name.split("_pretty");
    if (name.endsWith("_pretty") && Math.abs(dayNumber(new Date()) - dayNumber(date)) <= 1)
      return when(seconds).split(" ")[0];
    const options = DATE_TOKENS[base];
    return options ? new Intl.DateTimeFormat("en-GB", options).format(date) : whole;
  });
}
