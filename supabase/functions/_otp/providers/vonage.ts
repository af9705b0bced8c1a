import { z } from "zod";

import { isGsm7 } from "../sms_parts.ts";
import { safeParse } from "../../_shared/platform/schemas.ts";
import { askProvider, DeliveryError, type DeliveryProblem, type Message, type Provider } from "./provider.ts";

export interface VonageAccount {
  baseUrl: string;
  apiKey: string;
  apiSecret: string;
  from: string;
  costMicros: number;
}

/** A text of several SMS has one entry for each. */
const Answer = z.object({
  messages: z.array(z.object({ "status": z.string(), "message-id": z.string().optional() })).min(1),
});

/** https://developer.vonage.com/en/api-errors/sms */
const PROBLEMS: Record<string, DeliveryProblem> = {
  1: "provider", // throttled
  4: "account",
  5: "provider",
  6: "unroutable",
  7: "recipient", // barred
  8: "account",
  9: "account", // no credit
  10: "provider",
  11: "account",
  14: "account",
  15: "account", // the sender is not allowed
  29: "unroutable", // not among the numbers of a trial account
  33: "recipient", // the number was given up
};

/** Vonage's SMS API. https://developer.vonage.com/en/api/sms */
export function vonage({ baseUrl, apiKey, apiSecret, from, costMicros }: VonageAccount): Provider {
  const url = `${baseUrl.replace(/\/$/, "")}/sms/json`;

  async function send({ to, text, id }: Message, signal: AbortSignal): Promise<{ messageId?: string }> {
    const { status, body } = await askProvider(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        "api_key": apiKey,
        "api_secret": apiSecret,
        from,
        "to": to.slice(1),
        text,
        "type": isGsm7(text) ? "text" : "unicode",
        "client-ref": id,
      }),
      signal,
    });
    const messages = safeParse(Answer, body).data?.messages;
    if (status === 200 && messages) {
      const [first] = messages;
      // If some of several parts were accepted, the others are no reason for a second message.
      if (messages.some((part) => part.status === "0")) return { messageId: first!["message-id"] };
      throw new DeliveryError(PROBLEMS[first!.status] ?? "unroutable", `status ${first!.status}`);
    }
    throw new DeliveryError(problemOf(status), `HTTP ${status}`);
  }

  return { name: "vonage", channel: "sms", costMicros, send };
}

function problemOf(status: number): DeliveryProblem {
  if (status === 401 || status === 403) return "account";
  if (status === 429 || status === 503) return "provider";
  return status < 400 || status >= 500 ? "unknown" : "provider";
}
