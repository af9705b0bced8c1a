import { DeliveryError, type DeliveryProblem, type Message, type Provider } from "./provider.ts";

export interface SmtpAccount {
  /** smtp: or smtps:, with user and password. */
  url: string;
  from: string;
  timeoutMs: number;
}

/** nodemailer's error. */
interface SmtpFailure {
  code?: string;
  command?: string;
  responseCode?: number;
  response?: string;
}

/** Any SMTP server. */
export function smtp({ url, from, timeoutMs }: SmtpAccount): Provider {
  async function send(message: Message, signal: AbortSignal): Promise<{ messageId?: string }> {
    const { createTransport } = await import("nodemailer");
    const transport = createTransport({
      url,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    });
    const onAbort = () => transport.close();
    signal.addEventListener("abort", onAbort, { once: true });
    let isBeingSent = true;
    try {
      const { messageId } = await Promise.race([
        transport.sendMail({
          from,
          to: message.to,
          subject: message.subject,
          text: message.text,
          // A mailbox shows one message, however often a server repeats it.
          messageId: `<${message.id}@${domainOf(from)}>`,
          headers: { "Auto-Submitted": "auto-generated" },
          disableFileAccess: true,
          disableUrlAccess: true,
        }),
        aborted(signal),
      ]);
      return { messageId };
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      const failure = error as SmtpFailure;
      throw new DeliveryError(
        problemOf(failure),
        `${failure.code ?? "failed"} at ${failure.command ?? "?"}, answer ${failure.responseCode ?? "none"}`,
      );
    } finally {
      isBeingSent = false;
      signal.removeEventListener("abort", onAbort);
      transport.close();
    }

    function aborted(signal: AbortSignal): Promise<never> {
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => {
          if (isBeingSent) reject(new DeliveryError("unknown", "It took too long"));
        }, { once: true })
      );
    }
  }

  return { name: "smtp", channel: "email", costMicros: 0, send };
}

/** Of RFC 3463: about this mailbox (X.2.x), or a policy about this message, such as greylisting (X.7.x). */
const ABOUT_THE_MAILBOX = /^4\d\d[ -]4\.[27]\.\d/;
/** The server itself is closing the connection. */
const CLOSING = 421;

function problemOf({ code, command, responseCode, response = "" }: SmtpFailure): DeliveryProblem {
  if (code === "EAUTH") return "account";
  if (responseCode !== undefined && responseCode < 500 && responseCode !== CLOSING) {
    // A temporary failure of only this mailbox: others get their mail.
    if (command === "RCPT TO" || (command === "DATA" && ABOUT_THE_MAILBOX.test(response))) {
      return "unroutable";
    }
  }
  if (command === "RCPT TO" && responseCode !== undefined && responseCode >= 500) return "recipient";
  if (responseCode !== undefined) return "provider";
  // Before the message itself was sent, it cannot have been accepted.
  return command === "DATA" ? "unknown" : "provider";
}

function domainOf(from: string): string {
  return /@([\w.-]+)/.exec(from)?.[1] ?? "localhost";
}
