import { AuthorizationFailure } from "./authorization.ts";
import { RefusedToken } from "./credentials.ts";

/** Why a join is refused, in the real server's words. */
export class Refusal extends Error {
  constructor(
    /** Undefined where the real server gives none. */
    readonly code: string | undefined,
    message: string,
    /** Whether the whole connection ends, too. */
    readonly endsConnection = false,
  ) {
    super(message);
  }

  get reason(): string {
    return this.code ? `${this.code}: ${this.message}` : this.message;
  }
}

export function mayNotRead(topic: string): Refusal {
  return new Refusal("Unauthorized", `You do not have permissions to read from this Channel topic: ${topic}`);
}

/** How a join is refused over an error. */
export function refusalFor(error: unknown, topic: string): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof RefusedToken) return new Refusal(error.code, error.message);
  if (!(error instanceof AuthorizationFailure)) return new Refusal(undefined, "Unknown Error on Channel");
  switch (error.kind) {
    case "policy":
      return mayNotRead(topic);
    case "canceled":
      return new Refusal("QueryCanceled", error.message);
    case "partition":
      return new Refusal("MissingPartition", "Realtime was unable to find the expected messages partition");
    case "unavailable":
      return new Refusal(
        "UnableToConnectToProject",
        "Realtime was unable to connect to the project database",
      );
  }
}

/** The words with which a channel ends over an error while its token is renewed. */
export function wordsAtRenewal(error: unknown): string {
  if (error instanceof RefusedToken) return error.atRenewal;
  if (error instanceof Refusal) return error.message;
  if (error instanceof AuthorizationFailure && error.kind === "canceled") {
    return "Query was cancelled, please try again";
  }
  return "Realtime was unable to connect to the project database";
}
