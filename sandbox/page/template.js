// Applies an installed template to a held response: dotted paths and {{field}}.

const FIELD = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** The value at a dotted path, or undefined. An empty path gives the scope itself. */
export function findValue(scope, path) {
  let value = scope;
  for (const name of path ? path.split(".") : []) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** Replace each {{field}} in a text; a field without a value becomes empty. */
export function fill(text, scope) {
  return String(text ?? "").replace(FIELD, (_, path) => {
    const value = findValue(scope, path);
    return value === undefined || value === null || typeof value === "object" ? "" : String(value);
  });
}

/** The URL if a link may have it (http or https), otherwise null. */
export function fillUrl(text, scope) {
  const filled = fill(text, scope).trim();
  try {
    return ["http:", "https:"].includes(new URL(filled).protocol) ? filled : null;
  } catch {
    return null;
  }
}

/** A template's nodes in drawing order, each with its position in the template. */
export function listNodes(parent) {
  const nodes = (parent.widgets ?? []).map((node, position) => ({ node, position }));
  return nodes.sort((a, b) => (a.node.order ?? 0) - (b.node.order ?? 0));
}
