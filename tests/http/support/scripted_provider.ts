import { afterAll } from "vitest";

import { functionsFolder } from "../../../scripts/local/paths.ts";
import { type Answer, call, type CallOptions } from "./calls.ts";
import { openFunctions } from "./functions.ts";

/**
 * A functions process whose AI provider says what a test wrote, in OpenAI's protocol: to chat models their content, to a
 * transcription the whole JSON.
 */
export interface ScriptedProvider {
  /** Calls a feature while the provider gives these answers, one for each time that a model is asked. */
  call(name: string, options: CallOptions, answers: unknown[]): Promise<Answer>;
  /** The requests to the models during the last call, with their whole bodies. */
  asked: string[];
}

/** Starts one; it ends after the test file. Its calls are made one after the other. */
export async function openScriptedProvider(): Promise<ScriptedProvider> {
  let script: unknown[] = [];
  const provider: ScriptedProvider = { asked: [], call: callWith };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    provider.asked.push(await request.text());
    if (script.length === 0) {
      return Response.json({ error: { message: "Nothing left to say" } }, { status: 400 });
    }
    const answer = script.shift();
    if (request.url.endsWith("/audio/transcriptions")) return Response.json(answer);
    return Response.json({
      id: "chatcmpl-scripted",
      object: "chat.completion",
      created: 1_767_225_600,
      model: "scripted",
      choices: [{
        index: 0,
        message: { role: "assistant", content: typeof answer === "string" ? answer : JSON.stringify(answer) },
        finish_reason: "stop",
      }],
      usage: { prompt_tokens: 100, completion_tokens: 100, total_tokens: 200 },
    });
  });
  afterAll(() => server.shutdown());
  const functions = await openFunctions(
    { AI_BASE_URL: `http://127.0.0.1:${server.addr.port}/v1` },
    functionsFolder,
  );

  async function callWith(name: string, options: CallOptions, answers: unknown[]): Promise<Answer> {
    script = [...answers];
    provider.asked = [];
    return await call(name, { base: functions.url, ...options });
  }

  return provider;
}
