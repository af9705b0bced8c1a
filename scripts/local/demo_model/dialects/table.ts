import { anthropic } from "./anthropic.ts";
import { deepseek } from "./deepseek.ts";
import { gemini } from "./gemini.ts";
import { groq } from "./groq.ts";
import { llamacpp } from "./llamacpp.ts";
import { lmstudio } from "./lmstudio.ts";
import { mistral } from "./mistral.ts";
import { ollama } from "./ollama.ts";
import { azure, openai } from "./openai.ts";
import { openrouter } from "./openrouter.ts";
import { strict } from "./strict.ts";
import { vllm } from "./vllm.ts";
import type { ServerDialect } from "./dialect.ts";

/** Every dialect of the demo model, by its name in the URL. */
export const DIALECTS: ServerDialect[] = [
  openai,
  azure,
  ollama,
  vllm,
  llamacpp,
  lmstudio,
  openrouter,
  groq,
  mistral,
  deepseek,
  gemini,
  anthropic,
  strict,
];
