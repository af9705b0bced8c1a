import type postgres from "postgres";
import type { Claims } from "./credentials.ts";

/** What a private channel may be used for. */
export type Extension = "broadcast" | "presence";

/** Who asks, and about what. */
export interface AskedAs {
  topic: string;
  claims: Claims;
  /** The `x-…` headers of the connection or request. */
  headers: Record<string, string>;
}

/** The policies could not be asked. */
export class AuthorizationFailure extends Error {
  constructor(readonly kind: "policy" | "canceled" | "partition" | "unavailable", cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Asks the policies on `realtime.messages` as a caller. */
export class Authorization {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async mayRead(asked: AskedAs, extensions: Extension[]): Promise<Map<Extension, boolean>> {
    const { read_allowed } = await this.#ask(asked, extensions, []);
    return new Map(extensions.map((extension, at) => [extension, read_allowed[at] === true]));
  }

  async mayWrite(asked: AskedAs, extension: Extension): Promise<boolean> {
    const { write_allowed } = await this.#ask(asked, [], [extension]);
    return write_allowed[0] === true;
  }

  async #ask(
    { topic, claims, headers }: AskedAs,
    reads: Extension[],
    writes: Extension[],
  ): Promise<{ read_allowed: boolean[]; write_allowed: boolean[] }> {
    try {
      const [answer] = await this.#sql<{ read_allowed: boolean[]; write_allowed: boolean[] }[]>`
        select read_allowed, write_allowed from realtime.authorize(
          ${claims.role}, ${topic}, ${JSON.stringify(claims)}::text, ${
        typeof claims.sub === "string" ? claims.sub : null
      },
          ${JSON.stringify(headers)}::text, ${listOf(reads)}::text::text[], ${listOf(writes)}::text::text[])`;
      return answer!;
    } catch (error) {
      throw new AuthorizationFailure(kindOf(error), error);
    }
  }
}

/** A list of names as Postgres writes it. */
function listOf(names: string[]): string {
  return `{${names.join(",")}}`;
}

function kindOf(error: unknown): AuthorizationFailure["kind"] {
  const { code, table_name: table } = error as { code?: string; table_name?: string };
  if (code === "57014") return "canceled";
  if (code === "23514" && table?.startsWith("messages")) return "partition";
  // Postgres's own codes have five characters; errors of the connection have names.
  return /^[0-9A-Z]{5}$/.test(code ?? "") && !code!.startsWith("57P") && !code!.startsWith("08")
    ? "policy"
    : "unavailable";
}
