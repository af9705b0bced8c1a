import { readWhole } from "../../../supabase/functions/_shared/platform/bytes.ts";
import { requestAt } from "../../../supabase/functions/_shared/http/pinned_request.ts";
import type { Asked } from "./trials.ts";

/** The outcome of a request: status and body, or one word for what is thrown. */
export async function outcomeOf({ url, port, bodyBytes, waitMs }: Asked, ca: string): Promise<string> {
  const { host } = new URL(url);
  const request = {
    ...bodyBytes > 0
      ? { method: "POST" as const, body: new Uint8Array(bodyBytes) }
      : { method: "GET" as const },
    headers: { "Host": host },
    port,
    ca,
  };
  try {
    const reply = await requestAt(new URL(url), "127.0.0.1", request, AbortSignal.timeout(waitMs));
    try {
      return `${reply.status} ${new TextDecoder().decode(await readWhole(reply.body, () => {}))}`;
    } finally {
      reply.close();
    }
  } catch (error) {
    const { name, message } = error as Error;
    if (name === "TimeoutError") return "timeout";
    return message.includes("peer certificate") ? "certificate" : "failure";
  }
}
