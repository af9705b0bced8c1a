import { describe, expect, it } from "vitest";

import {
  DeliveryError,
  type DeliveryProblem,
  type Message,
  type Provider,
} from "../../../supabase/functions/_otp/providers/provider.ts";
import { twilio } from "../../../supabase/functions/_otp/providers/twilio.ts";
import { vonage } from "../../../supabase/functions/_otp/providers/vonage.ts";
import { deliver, describeAttempts } from "../../../supabase/functions/_otp/sender.ts";

const message: Message = { to: "+33612345678", subject: "s", text: "code 012345", id: crypto.randomUUID() };
const limits = { timeoutMs: 1_000, deadlineMs: 2_000 };

function providerWith(name: string, problem?: DeliveryProblem): Provider & { calls: number } {
  return {
    name,
    channel: "sms",
    costMicros: 0,
    calls: 0,
    send() {
      this.calls++;
      if (problem) return Promise.reject(new DeliveryError(problem, "no"));
      return Promise.resolve({ messageId: "m1" });
    },
  };
}

describe("a chain of providers", () => {
  it.each(["provider", "account", "unroutable"] as const)(
    "goes on after a problem of %s",
    async (problem) => {
      const second = providerWith("b");
      const delivery = await deliver([providerWith("a", problem), second], message, limits);
      expect(delivery).toMatchObject({ outcome: "sent", messageId: "m1" });
      expect(delivery.attempts.map(({ provider, is_fault }) => [provider, is_fault]))
        .toEqual([["a", problem !== "unroutable"], ["b", false]]);
      expect(second.calls).toBe(1);
    },
  );

  it.each([["recipient", "failed"], ["unknown", "unknown"]] as const)(
    "ends after a problem of %s",
    async (problem, outcome) => {
      const second = providerWith("b");
      expect((await deliver([providerWith("a", problem), second], message, limits)).outcome).toBe(outcome);
      expect(second.calls).toBe(0);
    },
  );

  it("has one time limit for all, and counts what failed in an unforeseen way as perhaps sent", async () => {
    const slow: Provider = {
      ...providerWith("slow"),
      send: (_message, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new DeliveryError("provider", "slow")))
        ),
    };
    const last = providerWith("last");
    const startedAt = performance.now();
    const delivery = await deliver([slow, last], message, { timeoutMs: 5_000, deadlineMs: 80 });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect({ outcome: delivery.outcome, calls: last.calls }).toEqual({ outcome: "failed", calls: 0 });
    const odd: Provider = { ...providerWith("odd"), send: () => Promise.reject(new TypeError("x")) };
    expect((await deliver([odd, last], message, limits)).outcome).toBe("unknown");
  });

  it("tells the log of providers and their words alone", async () => {
    const { attempts } = await deliver([providerWith("a", "provider"), providerWith("b")], message, limits);
    expect(describeAttempts(attempts)).toBe("a: provider, no");
  });
});

/** A vendor that answers each message so. */
async function withVendor<Result>(
  answer: (request: Request) => Response | Promise<Response>,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, answer);
  try {
    return await work(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

const twilioAt = (baseUrl: string) =>
  twilio({ baseUrl, accountSid: "AC1", authToken: "t", from: "+15005550006", costMicros: 1 });
const vonageAt = (baseUrl: string) =>
  vonage({ baseUrl, apiKey: "k", apiSecret: "s", from: "Tessera", costMicros: 1 });

async function problemOf(provider: Provider, timeoutMs = 1_000): Promise<string> {
  try {
    await provider.send(message, AbortSignal.timeout(timeoutMs));
    return "none";
  } catch (error) {
    expect(String(error)).not.toContain("012345");
    return (error as DeliveryError).problem;
  }
}

describe("what a provider's answer means", () => {
  const error = (status: number, code: number) => () =>
    Response.json({ code, message: "012345" }, { status });

  it.each([
    ["taken", () => Response.json({ sid: "SM1" }, { status: 201 }), "none"],
    ["no mobile number", error(400, 21614), "recipient"],
    ["it said STOP", error(400, 21610), "recipient"],
    ["a region that is not allowed", error(400, 21408), "unroutable"],
    ["a wrong token", error(401, 20003), "account"],
    ["a full queue", error(400, 21611), "provider"],
    ["throttled", error(429, 20429), "provider"],
    ["its own failure", error(500, 20500), "provider"],
    ["a proxy's failure", () => new Response("<html>", { status: 502 }), "unknown"],
    [
      "a redirect",
      () => new Response(null, { status: 307, headers: { Location: "http://127.0.0.1:1" } }),
      "unroutable",
    ],
  ])("Twilio, %s", async (_what, answer, problem) => {
    expect(await withVendor(answer, (url) => problemOf(twilioAt(url)))).toBe(problem);
  });

  it.each([20005, 21212, 21603, 21606, 21701, 21703, 21704, 21705, 30002])(
    "Twilio's code %s is our account's fault",
    async (code) => {
      expect(await withVendor(error(400, code), (url) => problemOf(twilioAt(url)))).toBe("account");
    },
  );

  it.each([
    ["MGM Resorts", "From"],
    ["MG0123456789abcdef0123456789abcdef", "MessagingServiceSid"],
    ["+15005550006", "From"],
  ])("Twilio is told of the sender %s as %s", async (from, field) => {
    let form = new URLSearchParams();
    const reportUrl = "https://project.example/functions/v1/otp/twilio-report?id=";
    await withVendor(
      async (request) => {
        form = new URLSearchParams(await request.text());
        return Response.json({ sid: "SM1" }, { status: 201 });
      },
      (url) =>
        problemOf(
          twilio({ baseUrl: url, accountSid: "AC1", authToken: "t", from, reportUrl, costMicros: 1 }),
        ),
    );
    expect(Object.fromEntries(form)).toEqual({
      To: message.to,
      Body: message.text,
      [field]: from,
      StatusCallback: reportUrl + message.id,
    });
  });

  it.each([
    ["taken", "0", "none"],
    ["throttled", "1", "provider"],
    ["a wrong secret", "4", "account"],
    ["a barred number", "7", "recipient"],
    ["no credit", "9", "account"],
    ["no route", "6", "unroutable"],
  ])("Vonage, %s", async (_what, status, problem) => {
    const answer = () => Response.json({ messages: [{ status, "message-id": "m" }] });
    expect(await withVendor(answer, (url) => problemOf(vonageAt(url)))).toBe(problem);
  });

  it("Vonage, one part of several taken, is taken", async () => {
    const answer = () => Response.json({ messages: [{ status: "0", "message-id": "m" }, { status: "9" }] });
    expect(await withVendor(answer, (url) => problemOf(vonageAt(url)))).toBe("none");
  });

  it("nobody there is told from a broken connection and from silence, after which it may have been taken", async () => {
    const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    expect(await problemOf(twilioAt(`http://127.0.0.1:${port}`))).toBe("provider");

    const breaking = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const accepted = breaking.accept().then(async (connection) => {
      await connection.read(new Uint8Array(4_000));
      connection.close();
    });
    expect(await problemOf(vonageAt(`http://127.0.0.1:${(breaking.addr as Deno.NetAddr).port}`))).toBe(
      "unknown",
    );
    await accepted;
    breaking.close();

    const end = Promise.withResolvers<Response>();
    const problem = await withVendor(() => end.promise, async (url) => {
      const told = await problemOf(twilioAt(url), 100);
      end.resolve(new Response(null));
      return told;
    });
    expect(problem).toBe("unknown");
  });
});
