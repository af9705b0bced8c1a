import { DeliveryError, type DeliveryProblem, type Message, type Provider } from "./providers/provider.ts";

/** One provider's attempt at a delivery, as the database records it. */
export interface Attempt {
  provider: string;
  /** Whether its circuit breaker counts it. */
  is_fault: boolean;
  problem: DeliveryProblem | null;
  message: string | null;
}

export interface Delivery {
  /** `unknown`: a provider may have accepted it. */
  outcome: "sent" | "unknown" | "failed";
  attempts: Attempt[];
  messageId?: string;
}

const FAULTS: DeliveryProblem[] = ["provider", "account", "unknown"];
const GO_ON: DeliveryProblem[] = ["unroutable", "provider", "account"];

/** Tries the providers in order until one accepts the message, or may have accepted it. */
export async function deliver(
  providers: Provider[],
  message: Message,
  { timeoutMs, deadlineMs }: { timeoutMs: number; deadlineMs: number },
): Promise<Delivery> {
  const attempts: Attempt[] = [];
  const endMs = performance.now() + deadlineMs;
  for (const provider of providers) {
    const leftMs = Math.min(timeoutMs, endMs - performance.now());
    if (leftMs < 1) break;
    try {
      const { messageId } = await provider.send(message, AbortSignal.timeout(Math.ceil(leftMs)));
      attempts.push({ provider: provider.name, is_fault: false, problem: null, message: null });
      return { outcome: "sent", attempts, messageId };
    } catch (error) {
      const { problem, message } = error instanceof DeliveryError
        ? error
        : new DeliveryError("unknown", "It failed unexpectedly");
      attempts.push({ provider: provider.name, is_fault: FAULTS.includes(problem), problem, message });
      if (problem === "unknown") return { outcome: "unknown", attempts };
      if (!GO_ON.includes(problem)) break;
    }
  }
  return { outcome: "failed", attempts };
}

/** The failed attempts, for the log: providers and their codes, never the message. */
export function describeAttempts(attempts: Attempt[]): string | undefined {
  const problems = attempts.filter(({ problem }) => problem !== null);
  if (problems.length === 0) return undefined;
  return problems.map(({ provider, problem, message }) => `${provider}: ${problem}, ${message}`).join("; ");
}
