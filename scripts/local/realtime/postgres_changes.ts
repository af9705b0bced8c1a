import type { Claims } from "./credentials.ts";

/** What a channel asks of the changes of tables. */
export interface ChangesRequest {
  channel: object;
  bindings: Record<string, unknown>[];
  claims: Claims;
  /** Given each change for the bindings with these ids. */
  deliver(data: unknown, ids: (number | string)[]): void;
}

/** The changes of tables, as another part of the server follows them. */
export interface PostgresChanges {
  /** The id of a binding: the same whenever the same is asked for. */
  idOf(binding: Record<string, unknown>): number;
  /** Follows what a channel asks for, in place of what it asked for before. */
  subscribe(request: ChangesRequest): Promise<{ ok: true } | { ok: false; error: string; mayRetry: boolean }>;
  unsubscribe(channel: object): void;
  close(): Promise<void>;
}

/** Where tables are not followed. */
export const noChanges: PostgresChanges = {
  idOf: () => 0,
  subscribe: () => Promise.resolve({ ok: false, error: "Postgres Changes are not served", mayRetry: false }),
  unsubscribe: () => {},
  close: () => Promise.resolve(),
};
