import type postgres from "postgres";

/** pg_net's own tables and the function that jobs call, with Vault's view, where neither can be installed. */
export const PG_NET_SQL = `
  create schema net;
  create unlogged table net.http_request_queue (
    id bigserial primary key, method text not null, url text not null, headers jsonb, body bytea,
    timeout_milliseconds integer not null);
  create unlogged table net._http_response (
    id bigint, status_code integer, content_type text, headers jsonb, content text, timed_out boolean, error_msg text,
    created timestamptz not null default now());
  create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000)
  returns bigint language sql as $$
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values ('POST', url, headers, convert_to(body::text, 'utf8'), timeout_milliseconds) returning id $$;
  create schema vault;
  create table vault.secrets (name text primary key, secret text not null);
  create view vault.decrypted_secrets as select name, secret as decrypted_secret from vault.secrets;`;

/** Sends what is queued, as pg_net's worker does, and notes the answers. */
export async function sendQueued(sql: postgres.Sql): Promise<number> {
  const requests = await sql`delete from net.http_request_queue returning *`;
  await Promise.all(requests.map(async (request) => {
    const { id, method, url, headers, body, timeout_milliseconds } = request;
    try {
      const signal = AbortSignal.timeout(timeout_milliseconds);
      const answer = await fetch(url, { method, headers, body, signal });
      await sql`
        insert into net._http_response (id, status_code, content_type, content, timed_out)
        values (${id}, ${answer.status}, ${answer.headers.get("content-type")}, ${await answer
        .text()}, false)`;
    } catch (error) {
      const isLate = error instanceof DOMException && error.name === "TimeoutError";
      await sql`
        insert into net._http_response (id, timed_out, error_msg)
        values (${id}, ${isLate}, ${isLate ? "Timeout was reached" : "Couldn't connect to server"})`;
    }
  }));
  return requests.length;
}
