import { z } from "zod";

import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { AppError } from "../platform/errors.ts";
import { discardRest, readText } from "./body.ts";

/** Enough for every action's body. */
const MAX_BODY_BYTES = 256 * 1024;

// deno-lint-ignore no-explicit-any
export type Actions = Record<string, Endpoint<any>>;

export interface ActionsFunction {
  /** The function's folder. */
  name: string;
  actions: Actions;
  fetch(request: Request): Promise<Response>;
}

/**
 * A function with several endpoints. The path selects the action (`/otp/verify`), else the query
 * (`/otp?action=verify`), else the field `action` of a JSON body, as `supabase.functions.invoke("otp", { body })`
 * sends it.
 */
export function defineActions(name: string, actions: Actions): ActionsFunction {
  return { name, actions, fetch };

  async function fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const [, inPath] = url.pathname.split(`/${name}/`);
    const action = inPath ?? url.searchParams.get("action");
    if (action !== null) return await endpointOf(action).fetch(request);
    if (request.method !== "POST") return await refusal(unknownAction()).fetch(request);
    const { method, headers } = request;
    try {
      const body = await readText(request, MAX_BODY_BYTES);
      return await endpointOf(actionIn(body)).fetch(new Request(url, { method, headers, body }));
    } catch (error) {
      await discardRest(request);
      return await refusal(error).fetch(new Request(url, { method, headers }));
    }
  }

  function endpointOf(action: unknown): Actions[string] {
    const isKnown = typeof action === "string" && Object.hasOwn(actions, action);
    return isKnown ? actions[action]! : refusal(unknownAction());
  }

  function unknownAction(): AppError {
    const names = Object.keys(actions);
    const message = `An action is expected, in the path or as "action": ${names.join(", ")}`;
    return new AppError("not_found", message, { details: { actions: names } });
  }

  /** Sends a refusal in the form that every endpoint uses. */
  function refusal(error: unknown): Actions[string] {
    const handle = () => Promise.reject(error);
    const input = z.unknown();
    return defineEndpoint({
      name,
      auth: "none",
      method: "GET",
      isAlsoPost: true,
      isTextBody: true,
      input,
      handle,
    });
  }
}

function actionIn(body: string): unknown {
  try {
    return JSON.parse(body)?.action;
  } catch {
    return undefined;
  }
}
