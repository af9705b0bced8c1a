/** A value as the real server writes it into its messages: in Elixir's syntax, keys in order. */
export function inspect(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(inspect).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `%{${entries.map(([key, one]) => `${quoted(key)} => ${inspect(one)}`).join(", ")}}`;
}

const ESCAPES: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "#{": "\\#{",
};

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\\n\r\t]|#\{/g, (found) => ESCAPES[found]!)}"`;
}
