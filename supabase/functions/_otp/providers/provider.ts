/** What is to be delivered. */
export interface Message {
  /** A phone in E.164, or an e-mail address. */
  to: string;
  subject: string;
  text: string;
  /** The issuance: the same message has the same one, so that a provider or a mailbox can tell a repetition. */
  id: string;
}

/**
 * Why a message was not taken, which decides what happens next:
 * - `recipient`: this phone gets no messages, whoever sends them. Nobody else is asked.
 * - `unroutable`: this provider cannot reach the phone; another one may. No fault of the provider.
 * - `provider`: it cannot take messages now. The next one is asked, and this one left alone when it goes on.
 * - `account`: ours there is at fault: key, credit, sender. As `provider`; an operator has to act.
 * - `unknown`: nobody knows whether it was taken: it took too long, or the connection broke. Nobody else is asked, as the
 *   phone may get the message yet, and must not get two.
 */
export type DeliveryProblem = "recipient" | "unroutable" | "provider" | "account" | "unknown";

/** A failed delivery. Says what the provider said, and never what was to be delivered. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";

  constructor(readonly problem: DeliveryProblem, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export type Channel = "sms" | "email";

/** Somebody who delivers messages. */
export interface Provider {
  name: string;
  channel: Channel;
  /** What one message costs, in millionths of the currency of the settings. */
  costMicros: number;
  /** Gives the provider's own name of the message. Throws DeliveryError. */
  send(message: Message, signal: AbortSignal): Promise<{ messageId?: string }>;
}

const BEFORE_ANYTHING_WAS_SENT = /\(Connect\)|connection refused/i;
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks a provider's HTTP API. Throws DeliveryError when there is no answer. */
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
