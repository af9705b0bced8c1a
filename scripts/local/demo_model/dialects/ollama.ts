import type { ServerDialect } from "./dialect.ts";

export const ollama: ServerDialect = {
  name: "ollama",
  title: "Ollama",
  path: "/v1",
  key: "none",
  routes: ["chat"],
  sources: [
    "https://github.com/ollama/ollama/blob/main/docs/openai.md",
    "https://github.com/abi/screenshot-to-code/issues/354",
    "https://github.com/open-webui/open-webui/issues/11906",
  ],
  heed: ({ max_completion_tokens: _unknown, ...body }) => body,
  error: ({ message }) => ({ error: message }),
  message: (message) => ({ ...message, reasoning: "The user wants an answer." }),
};
