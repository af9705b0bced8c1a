import type { ServerDialect } from "./dialect.ts";

export const anthropic: ServerDialect = {
  name: "anthropic",
  title: "Anthropic's compatible endpoint",
  path: "/v1",
  key: "bearer",
  routes: ["chat"],
  sources: ["https://platform.claude.com/docs/en/api/openai-sdk"],
  heed: ({ response_format: _ignored, reasoning_effort: _ignoredToo, ...body }) => body,
  error: ({ message, code }) => ({ error: { code, message, type: "invalid_request_error", param: null } }),
  content: (content, isJson) => isJson ? `\`\`\`json\n${content}\n\`\`\`` : content,
};
