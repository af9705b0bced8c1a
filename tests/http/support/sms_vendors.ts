import { createHmac } from "node:crypto";
import { afterAll } from "vitest";

/** A message that a vendor took. */
export interface TakenMessage {
  vendor: "twilio" | "vonage";
  to: string;
  text: string;
  /** Where the vendor is to report what became of it. */
  reportUrl?: string;
  messageId: string;
}

/** What a vendor does with the next messages to one phone, instead of accepting them. */
export type VendorFault = (request: Request) => Response | Promise<Response>;

export interface SmsVendors {
  /** For TWILIO_…: and VONAGE_…: settings. */
  env: Record<string, string>;
  /** The messages to a phone, oldest first. */
  sent(phone: string): TakenMessage[];
  /** How often a vendor was asked for a phone, taken or not. */
  asked(vendor: TakenMessage["vendor"], phone: string): number;
  /** The report that a vendor posts about a message, with Twilio's signature. */
  report(message: TakenMessage, fields: Record<string, string>): RequestInit;
  /** From now on a vendor meets messages to this phone so. */
  fault(vendor: TakenMessage["vendor"], phone: string, fault: VendorFault): void;
}

const ACCOUNT_SID = "AC0123456789abcdef0123456789abcdef";
const AUTH_TOKEN = "twilio-auth-token-of-tests";
const API_KEY = "vonage1";
const API_SECRET = "vonage-secret-of-tests";

/** Twilio's and Vonage's APIs as far as they send SMS, each in its own protocol; end after the test file. */
export function openSmsVendors(): SmsVendors {
  const taken: TakenMessage[] = [];
  const calls: { vendor: string; to: string }[] = [];
  const faults = new Map<string, VendorFault>();
  const end = new AbortController();

  function serve(handler: (request: Request) => Promise<Response>): string {
    const options = { port: 0, hostname: "127.0.0.1", signal: end.signal, onListen: () => {} };
    const server = Deno.serve({ ...options, onError: () => new Response(null, { status: 500 }) }, handler);
    return `http://127.0.0.1:${server.addr.port}`;
  }

  async function take(request: Request, message: TakenMessage, answer: () => Response): Promise<Response> {
    calls.push({ vendor: message.vendor, to: message.to });
    const fault = faults.get(`${message.vendor} ${message.to}`);
    const refused = await fault?.(request);
    if (refused) return refused;
    taken.push(message);
    return answer();
  }

  const twilioUrl = serve(async (request) => {
    const { pathname } = new URL(request.url);
    if (request.headers.get("Authorization") !== `Basic ${btoa(`${ACCOUNT_SID}:${AUTH_TOKEN}`)}`) {
      return twilioError(401, 20003, "Authenticate");
    }
    if (request.method !== "POST" || pathname !== `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`) {
      return twilioError(404, 20404, "The requested resource was not found");
    }
    const form = new URLSearchParams(await request.text());
    const [to, text] = [form.get("To") ?? "", form.get("Body") ?? ""];
    if (!form.get("From")) return twilioError(400, 21603, "A 'From' phone number is required");
    const messageId = `SM${crypto.randomUUID().replaceAll("-", "")}`;
    return await take(
      request,
      { vendor: "twilio", to, text, messageId, reportUrl: form.get("StatusCallback") ?? undefined },
      () =>
        Response.json({
          sid: messageId,
          status: "queued",
          to,
          body: text,
        }, {
          status: 201,
        }),
    );
  });

  const vonageUrl = serve(async (request) => {
    const body = await request.json();
    if (body.api_key !== API_KEY || body.api_secret !== API_SECRET) return vonageAnswer("4");
    if (new URL(request.url).pathname !== "/sms/json" || !body.from || !body.to || !body.text) {
      return vonageAnswer("2");
    }
    return await take(
      request,
      { vendor: "vonage", to: `+${body.to}`, text: body.text, messageId: "" },
      () => vonageAnswer("0"),
    );
  });

  afterAll(() => end.abort());

  return {
    env: {
      TWILIO_BASE_URL: twilioUrl,
      TWILIO_ACCOUNT_SID: ACCOUNT_SID,
      TWILIO_AUTH_TOKEN: AUTH_TOKEN,
      TWILIO_FROM: "+15005550006",
      VONAGE_BASE_URL: vonageUrl,
      VONAGE_API_KEY: API_KEY,
      VONAGE_API_SECRET: API_SECRET,
      VONAGE_FROM: "Tessera",
    },
    sent: (phone) => taken.filter(({ to }) => to === phone),
    asked: (vendor, phone) => calls.filter((one) => one.vendor === vendor && one.to === phone).length,
    report: ({ reportUrl, messageId, to }, fields) =>
      twilioReport(reportUrl!, { MessageSid: messageId, To: to, ...fields }),
    fault: (vendor, phone, fault) => void faults.set(`${vendor} ${phone}`, fault),
  };
}

/** https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions */
export function twilioError(status: number, code: number, message: string): Response {
  return Response.json({ code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }, {
    status,
  });
}

/** https://www.twilio.com/docs/usage/security#validating-requests */
function twilioReport(url: string, fields: Record<string, string>): RequestInit {
  const text = url + Object.keys(fields).sort().map((name) => name + fields[name]).join("");
  return {
    method: "POST",
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      "X-Twilio-Signature": createHmac("sha1", AUTH_TOKEN).update(text).digest("base64"),
    },
    body: new URLSearchParams(fields).toString(),
  };
}

/** https://developer.vonage.com/en/api/sms */
export function vonageAnswer(status: string): Response {
  const part = status === "0" ? { "message-id": crypto.randomUUID() } : { "error-text": "refused" };
  return Response.json({ "message-count": "1", "messages": [{ status, ...part }] });
}
