import { OpenAiError } from "../answer.ts";
import { type ServerDialect, without } from "./dialect.ts";

/** Not a particular server: the deviations of gateways and small servers, all at once. */
export const strict: ServerDialect = {
  name: "strict",
  title: "Gateways and small servers, their oddities together",
  path: "/v1",
  key: "bearer",
  routes: ["chat", "images", "transcriptions", "speech"],
  sources: [
    "https://github.com/vercel/ai/issues/7417",
    "https://github.com/langchain-ai/langchain/issues/18317",
    "https://github.com/Vexa-ai/vexa/issues/1342",
  ],
  refuse(route, body) {
    if (route === "images") return without(body, "quality", "quality is not supported");
    if (route !== "chat") return without(body, "response_format", "response_format is not supported");
    const roles = (body.messages as { role?: string }[] | undefined)?.map(({ role }) => role);
    if (roles?.includes("system")) return new OpenAiError(400, "System role not supported");
    return without(body, "max_tokens", "Unrecognized request argument supplied: max_tokens") ??
      without(body, "stream_options", "Unrecognized request argument supplied: stream_options") ??
      without(body, "response_format", "response_format is not supported");
  },
  error: ({ message }) => ({ detail: message }),
  finishReason: (reason) => reason === "stop" ? "eos_token" : reason,
  content: (content, isJson) =>
    isJson ? `<think>JSON it is.</think>\n\`\`\`\n${content}\n\`\`\`\nI hope that helps!` : content,
  // The last chunk has the usage and no choices.
  stream: (events, usage) => [
    ...events.filter(({ choices }) => (choices as unknown[]).length > 0),
    { usage: usage as Record<string, unknown> },
  ],
  isWithoutDone: true,
  transcript: ({ text }) => ({
    text,
    duration: "N/A",
    segments: [{ start: "0.0", end: "1.5", text }, { start: 1.5, end: null, text }],
  }),
};
