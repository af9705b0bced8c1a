import { Buffer } from "node:buffer";

import { z } from "zod";

import { safeParse } from "../../_shared/platform/schemas.ts";
import { askProvider, DeliveryError, type DeliveryProblem, type Message, type Provider } from "./provider.ts";

export interface TwilioAccount {
  baseUrl: string;
  accountSid: string;
  authToken: string;
  /** A number, a name, or a messaging service. */
  from: string;
  /** The URL for Twilio's reports; the message's id is added to it. */
  reportUrl?: string;
  costMicros: number;
}

const Taken = z.object({ sid: z.string() });
const Refused = z.object({ code: z.number(), message: z.string().optional() });

/** https://www.twilio.com/docs/api/errors */
const PROBLEMS: Record<number, DeliveryProblem> = {
  21211: "recipient", // no number
  21214: "recipient", // cannot be reached
  21217: "recipient", // no number
  21408: "unroutable", // our account may not send to this region
  21610: "recipient", // it said STOP
  21612: "unroutable", // not from this sender
  21614: "recipient", // no mobile number
  21635: "recipient", // a landline
  30003: "recipient",
  30004: "recipient",
  30005: "recipient",
  30006: "recipient",
  30007: "unroutable", // filtered
  30008: "unroutable",
  20003: "account",
  20005: "account", // not active
  20404: "account",
  21212: "account", // the sender is no number
  21603: "account", // no sender
  21606: "account", // the sender is not ours
  21609: "account", // the address for reports
  21611: "provider", // the sender's queue is full
  21618: "account", // the text is not allowed
  21659: "account",
  21660: "account",
  21661: "account", // the sender cannot send SMS
  21701: "account", // no such messaging service
  21703: "account", // the messaging service has no sender
  21704: "account", // nor one for this region
  21705: "account", // it is not valid
  30001: "provider", // its queue is full
  30002: "account", // suspended
  30034: "account", // the sender is not registered
  63038: "account", // the day's messages are used up
};

const MESSAGING_SERVICE = /^MG[0-9a-f]{32}$/i;

/** Twilio's Messages resource. https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource */
export function twilio(account: TwilioAccount): Provider {
  const { baseUrl, accountSid, authToken, from, reportUrl, costMicros } = account;
  const url = `${baseUrl.replace(/\/$/, "")}/2010-04-01/Accounts/${accountSid}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;

  async function send({ to, text, id }: Message, signal: AbortSignal): Promise<{ messageId?: string }> {
    const fields: Record<string, string> = {
      To: to,
      Body: text,
      [MESSAGING_SERVICE.test(from) ? "MessagingServiceSid" : "From"]: from,
      ...(reportUrl !== undefined && { StatusCallback: `${reportUrl}${id}` }),
    };
    const { status, body } = await askProvider(url, {
      method: "POST",
      headers: { Authorization: authorization, "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
      signal,
    });
    if (status >= 200 && status < 300) return { messageId: safeParse(Taken, body).data?.sid };
    const refused = safeParse(Refused, body).data;
    throw new DeliveryError(
      problemOf(status, refused?.code),
      `HTTP ${status}, code ${refused?.code ?? "none"}`,
    );
  }

  return { name: "twilio", channel: "sms", costMicros, send };
}

/** What an error code means; undefined for an unknown code. */
export function twilioProblem(code: number): DeliveryProblem | undefined {
  return PROBLEMS[code];
}

function problemOf(status: number, code: number | undefined): DeliveryProblem {
  const known = code === undefined ? undefined : PROBLEMS[code];
  if (known) return known;
  if (status === 429 || status === 503) return "provider";
  if (status === 401 || status === 403 || status === 404) return "account";
  // Only for errors of Twilio itself; an error of a proxy in between leaves open what happened behind it.
  if (status >= 500) return code === undefined ? "unknown" : "provider";
  return "unroutable";
}
