import type { ServerDialect } from "./dialect.ts";

export const openrouter: ServerDialect = {
  name: "openrouter",
  title: "OpenRouter",
  path: "/api/v1",
  key: "bearer",
  routes: ["chat"],
  sources: [
    "https://openrouter.ai/docs/api/reference/errors-and-debugging",
    "https://openrouter.ai/docs/api-reference/streaming",
  ],
  error: ({ message, status }) => ({ error: { code: status, message, metadata: { provider_name: "demo" } } }),
  // A model behind it that does not enforce the schema tends to write Markdown.
  content: (content, isJson) => isJson ? `Here is the JSON:\n\n\`\`\`json\n${content}\n\`\`\`` : content,
  usage: (usage) => ({ ...usage, cost: 0.000_1, completion_tokens_details: { reasoning_tokens: 0 } }),
  stream: (events, usage) => [
    ": OPENROUTER PROCESSING\n\n",
    ...events.filter(({ choices }) => (choices as unknown[]).length > 0),
    {
      ...events[0],
      choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
      usage,
    },
  ],
};
