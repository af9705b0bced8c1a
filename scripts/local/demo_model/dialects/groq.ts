import { OpenAiError } from "../answer.ts";
import { formOf, type ServerDialect, wantsWordJson } from "./dialect.ts";

export const groq: ServerDialect = {
  name: "groq",
  title: "Groq",
  path: "/openai/v1",
  key: "bearer",
  routes: ["chat", "transcriptions"],
  sources: [
    "https://console.groq.com/docs/structured-outputs",
    "https://github.com/ItzCrazyKns/Vane/issues/980",
    "https://github.com/vercel/ai/issues/7808",
  ],
  refuse: (_route, body) =>
    formOf(body) === "json_schema"
      ? new OpenAiError(
        400,
        "This model does not support response format `json_schema`. See supported models at https://console.groq.com/docs/structured-outputs#supported-models",
        undefined,
        {},
        "response_format",
      )
      : wantsWordJson(body),
  usage: (usage) => ({
    ...usage,
    queue_time: 0.01,
    prompt_time: 0.01,
    completion_time: 0.1,
    total_time: 0.11,
  }),
  stream: (events, usage) =>
    events.filter(({ choices }) => (choices as unknown[]).length > 0).map((event, index, all) =>
      index === all.length - 1 ? { ...event, x_groq: { id: "req_demo", usage } } : event
    ),
};
