import { Webhook } from "standardwebhooks";

export interface Alert {
  webhookId: string;
  type: string;
  /** When the alert was emitted. */
  createdAt: Date;
  data: unknown;
}

export interface Message {
  headers: Record<string, string>;
  body: string;
}

/**
 * An alert as a Standard Webhooks message, signed with each of the secrets. The body is the same at every try; the
 * timestamp is that of the try, so that a receiver can refuse replayed messages.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signedMessage(alert: Alert, secrets: string[], at: Date): Message {
  const body = JSON.stringify({
    type: alert.type,
    timestamp: alert.createdAt.toISOString(),
    data: alert.data,
  });
  return {
    body,
    headers: {
      "Content-Type": "application/json",
      "User-Agent": "tessera",
      "Webhook-Id": alert.webhookId,
      "Webhook-Timestamp": String(Math.floor(at.getTime() / 1000)),
      "Webhook-Signature": secrets.map((secret) => new Webhook(secret).sign(alert.webhookId, at, body)).join(
        " ",
      ),
    },
  };
}
