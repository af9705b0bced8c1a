import { OpenAiError } from "../answer.ts";
import { formOf, type ServerDialect } from "./dialect.ts";

export const lmstudio: ServerDialect = {
  name: "lmstudio",
  title: "LM Studio",
  path: "/v1",
  key: "none",
  routes: ["chat"],
  sources: [
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189",
    "https://github.com/LoadShine/tada/issues/16",
  ],
  refuse: (_route, body) =>
    formOf(body) === "json_object"
      ? new OpenAiError(400, "'response_format.type' must be 'json_schema' or 'text'")
      : undefined,
  error: ({ message }) => ({ error: message }),
  message: (message) => ({ ...message, reasoning_content: "The user wants an answer.", tool_calls: [] }),
};
