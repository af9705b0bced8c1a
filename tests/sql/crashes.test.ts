import postgres from "postgres";
import { describe, expect, it } from "vitest";

import {
  add,
  type Call,
  cleanup,
  consume,
  createDatabase,
  hold,
  newId,
  release,
  run,
  settle,
  until,
} from "./support.ts";

const { url, sql, ledger } = await createDatabase();

/** The lock at which a call waits for its end. */
const CLIFF = 4711;

// Before and after each statement that writes a table: the call's n-th such place is where it crashes.
await sql.unsafe(`
  create schema crash;
  create function crash.point() returns trigger language plpgsql as $$
  declare
    v_wanted constant text := current_setting('crash.at', true);
    v_seen constant integer := coalesce(nullif(current_setting('crash.seen', true), ''), '0')::integer + 1;
  begin
    perform set_config('crash.seen', v_seen::text, false);
    if v_wanted = v_seen::text then
      if current_setting('crash.mode') = 'error' then raise exception 'crashed'; end if;
      perform pg_advisory_xact_lock(${CLIFF});
    end if;
    return null;
  end $$;
  do $$ declare v_table text; begin
    for v_table in select oid::regclass from pg_class
      where relnamespace in ('public'::regnamespace, 'private'::regnamespace) and relkind = 'r' loop
      execute format('create trigger crash_before before insert or update or delete on %s
        for each statement execute function crash.point()', v_table);
      execute format('create trigger crash_after after insert or update or delete on %s
        for each statement execute function crash.point()', v_table);
    end loop;
  end $$`);

interface Prepared {
  user: string;
  call: Call;
}

/** The next operation, each time for a new user. */
const operations: Record<string, () => Promise<Prepared>> = {
  "hold_tokens of a new request": async () => {
    const user = await withTokens(100);
    return { user, call: hold(user, 10, newId()) };
  },
  "hold_tokens after a release": async () => {
    const user = await withTokens(100);
    const id = newId();
    await ledger.hold(user, 10, id);
    await ledger.release(user, id);
    return { user, call: hold(user, 10, id) };
  },
  "hold_tokens when holds have expired": async () => {
    const user = await withTokens(10);
    const id = newId();
    await ledger.hold(user, 10, id);
    await ledger.outlive(id);
    return { user, call: hold(user, 10, id) };
  },
  "settle_tokens with an answer": async () => {
    const { user, id } = await running();
    return { user, call: settle(user, id, 4, { p_response_head: '{"usage":{' }) };
  },
  "settle_tokens of unknown usage": async () => {
    const { user, id } = await running();
    return { user, call: settle(user, id, null) };
  },
  "settle_tokens with a shortfall": async () => {
    const { user, id } = await running();
    return { user, call: settle(user, id, 500) };
  },
  "release_tokens": async () => {
    const { user, id } = await running();
    return { user, call: release(user, id) };
  },
  "consume_tokens_atomic": async () => {
    const user = await withTokens(100);
    return { user, call: consume(user, 10, newId()) };
  },
  "consume_tokens_atomic when holds have expired": async () => {
    const { user, id } = await running(10);
    await ledger.outlive(id);
    return { user, call: consume(user, 10, newId()) };
  },
  "consume_tokens_atomic of a duplicate": async () => {
    const user = await withTokens(100);
    const id = newId();
    await ledger.consume(user, 10, id);
    return { user, call: consume(user, 10, id) };
  },
  "add_tokens to a new user": () => {
    const user = newId();
    return Promise.resolve({ user, call: add(user, 10, newId()) });
  },
  "add_tokens of a duplicate": async () => {
    const user = newId();
    const id = newId();
    await ledger.add(user, 10, id);
    return { user, call: add(user, 10, id) };
  },
  "cleanup_expired_locks": async () => {
    const { user, id } = await running();
    const ended = newId();
    await ledger.consume(user, 1, ended);
    await ledger.outlive(id);
    await ledger.age([ended]);
    return { user, call: cleanup() };
  },
};

async function withTokens(tokens: number): Promise<string> {
  const user = newId();
  await ledger.add(user, tokens, newId());
  return user;
}

async function running(tokens = 100) {
  const user = await withTokens(tokens);
  const id = newId();
  await ledger.hold(user, 10, id);
  return { user, id };
}

/** A connection that ends badly. */
async function doomed<Result>(
  work: (connection: postgres.Sql, pid: number) => Promise<Result>,
): Promise<Result> {
  const connection = postgres(url, { max: 1, onnotice: () => {}, backoff: false });
  try {
    const [row] = await connection`select pg_backend_pid() as pid`;
    return await work(connection, row!.pid);
  } finally {
    await connection.end({ timeout: 0 });
  }
}

/** Ends a server process as a crash would: whatever it was at, its transaction is cut. */
async function terminate(pid: number): Promise<void> {
  await sql`select pg_terminate_backend(${pid})`;
  await until(async () => (await sql`select from pg_stat_activity where pid = ${pid}`).length === 0);
}

/** Runs a call and kills it at its n-th place; tells whether it has that many. */
async function killAt(place: number, call: Call): Promise<boolean> {
  return await doomed(async (connection, pid) => {
    await connection`select set_config('crash.at', ${
      String(place)
    }, false), set_config('crash.mode', 'kill', false)`;
    let finished = false;
    const outcome = run(connection, call).then(() => (finished = true), (error) => error);
    await until(async () =>
      finished ||
      (await sql`select from pg_locks where pid = ${pid} and locktype = 'advisory' and not granted`).length >
        0
    );
    if (finished) return false;
    await terminate(pid);
    expect(await outcome).toBeInstanceOf(Error);
    return true;
  });
}

async function failAt(place: number, call: Call): Promise<boolean> {
  return await doomed(async (connection) => {
    await connection`select set_config('crash.at', ${
      String(place)
    }, false), set_config('crash.mode', 'error', false)`;
    try {
      await run(connection, call);
      return false;
    } catch (error) {
      // No handler turns it into an answer (mistake 17).
      expect(String(error)).toContain("crashed");
      return true;
    }
  });
}

/** The call done by its retry, compared with the same done at once. */
async function expectRetryToFinish(
  { user, call }: Prepared,
  operation: () => Promise<Prepared>,
): Promise<void> {
  const reference = await operation();
  const expected = await run(sql, reference.call);
  const outcome = await run(sql, call);
  expect({ ...outcome, request_id: null }).toEqual({ ...expected, request_id: null });
  expect(await ledger.balance(user)).toEqual(await ledger.balance(reference.user));
  expect(await ledger.deltas(user)).toEqual(await ledger.deltas(reference.user));
  expect(await ledger.problems()).toEqual([]);
}

describe.each(Object.entries(operations))("%s", (name, operation) => {
  it.each([
    ["killed", killAt],
    ["failing", failAt],
  ])(
    "%s before or after any statement has changed nothing, and a retry finishes it (mistake 18)",
    async (_, crash) => {
      const keeper = await sql.reserve();
      let places = 0;
      try {
        await keeper`select pg_advisory_lock(${CLIFF})`;
        for (;;) {
          const prepared = await operation();
          const before = await ledger.snapshot(prepared.user);
          if (!await crash(places + 1, prepared.call)) break;
          places++;
          expect(await ledger.snapshot(prepared.user)).toEqual(before);
          expect(await ledger.problems()).toEqual([]);
          if (name === "cleanup_expired_locks") await run(sql, prepared.call);
          else await expectRetryToFinish(prepared, operation);
        }
      } finally {
        await keeper`select pg_advisory_unlock_all()`;
        keeper.release();
      }
      // At least one statement writes, with a place on either side of it.
      expect(places).toBeGreaterThanOrEqual(2);
    },
  );

  it("killed when all is done but the commit has changed nothing", async () => {
    const prepared = await operation();
    const before = await ledger.snapshot(prepared.user);
    await doomed(async (connection, pid) => {
      const cut = connection.begin(async (transaction) => {
        await run(transaction, prepared.call);
        await terminate(pid);
        await transaction`select 1`;
      });
      await expect(cut).rejects.toThrow();
    });
    expect(await ledger.snapshot(prepared.user)).toEqual(before);
    expect(await ledger.problems()).toEqual([]);
  });

  it("killed after the commit has happened once, although its caller got no response", async () => {
    const prepared = await operation();
    await doomed(async (connection, pid) => {
      await run(connection, prepared.call);
      await terminate(pid);
    });
    const before = await ledger.balance(prepared.user);
    const again = await run(sql, prepared.call);
    if (prepared.call.name !== "hold_tokens" && name !== "cleanup_expired_locks") {
      expect(again).toMatchObject({ success: true, duplicate: true });
    }
    if (prepared.call.name === "hold_tokens") expect(again).toMatchObject({ error: "request_in_progress" });
    expect(await ledger.balance(prepared.user)).toEqual(before);
    expect(await ledger.problems()).toEqual([]);
  });
});

it("a process that dies between hold and settle charges nothing and holds nothing after the cleanup", async () => {
  const user = await withTokens(10);
  const id = newId();
  await doomed(async (connection, pid) => {
    await run(connection, hold(user, 10, id));
    await terminate(pid);
  });
  await ledger.outlive(id);
  await ledger.cleanup();
  expect(await ledger.balance(user)).toEqual({ balance: 10, held: 0, entries: 1 });
});
