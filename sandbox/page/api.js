// The sandbox's own JSON API.

export class ApiError extends Error {}

/** GET a path's JSON. Throws ApiError with a sentence. */
export async function get(path) {
  return exchange(path, { method: "GET" });
}

/** POST, PUT, PATCH or DELETE with a JSON body. Throws ApiError with a sentence. */
export async function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  return exchange(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

async function exchange(path, options) {
  let response;
  try {
    response = await fetch(`/sandbox/${path}`, options);
  } catch {
    throw new ApiError("The sandbox does not answer. Is it still running?");
  }
  const text = await response.text();
  const answer = parse(text);
  if (!response.ok) throw new ApiError(answer?.error ?? answer?.message ?? `The sandbox answered ${response.status}.`);
  return answer;
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
