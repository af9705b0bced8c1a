/** A message to deliver. */
export interface Message {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  /** The issuance's id. A repeated message has the same id, so that a provider or a mailbox recognizes it. */
  id: string;
}

/**
 * Why a message was not accepted, which decides what happens next:
 * - `recipient`: this phone gets no messages from any provider. No other provider is tried.
 * - `unroutable`: this provider cannot reach the phone; another one may. Not a failure of the provider.
 * - `provider`: it cannot accept messages now. The next provider is tried; after repeated failures this one is
 *   skipped for a while.
 * - `account`: our account there is the cause: key, credit, sender. Handled like `provider`; an operator must act.
 * - `unknown`: it may have been accepted: it took too long, or the connection broke. No other provider is tried, as
 *   the phone may still get the message and must not get two.
 */
export type DeliveryProblem = "recipient" | "unroutable" | "provider" | "account" | "unknown";

/** A failed delivery, with the provider's message and never the content. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";

  constructor(readonly problem: DeliveryProblem, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export type Channel = "sms" | "email";

/** A service that delivers messages. */
export interface Provider {
  name: string;
  channel: Channel;
  /** The cost of one message, in millionths of the settings' currency. */
  costMicros: number;
  /** Returns the provider's id of the message. Throws DeliveryError. */
  send(message: Message, signal: AbortSignal): Promise<{ messageId?: string }>;
}

const BEFORE_ANYTHING_WAS_SENT = /\(Connect\)|connection refused/i;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Calls a provider's HTTP API. Throws DeliveryError without a response. */
export async function askProvider(
  url: string,
  init: RequestInit & { signal: AbortSignal },
): Promise<{ status: number; body: unknown }> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, redirect: "manual" });
  } catch (error) {
    const text = `${error} ${(error as Error).cause}`;
    if (!init.signal.aborted && BEFORE_ANYTHING_WAS_SENT.test(text)) {
      throw new DeliveryError("provider", "It cannot be reached");
    }
    throw new DeliveryError("unknown", init.signal.aborted ? "It took too long" : "The connection broke");
  }
  try {
    return { status: response.status, body: JSON.parse((await response.text()).slice(0, MAX_ANSWER_BYTES)) };
  } catch {
    return { status: response.status, body: undefined };
  }
}
