/* Calls to the playground's own routes. They are not Slack's: the app under test never uses them. */

/** A refusal by the playground, with a sentence to show. */
export class ApiError extends Error {}

/** GET `/playground/{path}` with `query`; null and undefined are left out. */
export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  const body = await request(`/playground/${path}${search ? `?${search}` : ""}`);
  if (body.ok === false) throw new ApiError(body.error);
  return body;
}

/** POST `body` as JSON to `/playground/{path}`. */
export function post(path, body = {}) {
  return request(`/playground/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Where the page finds a file's bytes; no token needed. */
export const fileUrl = (id, as) =>
  `/playground/file/${encodeURIComponent(id)}?as=${encodeURIComponent(as)}`;

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ApiError("The playground does not answer. Is it still running?");
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok || body === null) {
    throw new ApiError(body?.error ?? `The playground answered with status ${answer.status}.`);
  }
  return body;
}
