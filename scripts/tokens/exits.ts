/** The commands' exit codes. */
export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3, expired: 4, syncNeeded: 5 } as const;

export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** The project refused. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(message: string, readonly code: string, readonly retryAfterS: number) {
    super(message);
  }

  get exitCode(): ExitCode {
    if (this.code === "not_found") return EXIT.notFound;
    return this.code === "token_expired" ? EXIT.expired : EXIT.failed;
  }
}
