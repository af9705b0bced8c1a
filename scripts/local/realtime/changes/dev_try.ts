import postgres from "postgres";
import { followPublication } from "./replication.ts";
const url = "postgresql://supabase_admin:postgres@127.0.0.1:56999/postgres";
const sql = postgres(url, { max: 2, onnotice: () => {} });
await sql.unsafe(
  `drop publication if exists p; drop table if exists t; create table t (id int primary key, name text); create publication p for table t`,
);
const ending = new AbortController();
const f = followPublication({
  databaseUrl: url,
  slot: "s",
  publication: "p",
  temporary: true,
  onTransaction: (c, l) => console.log(l, JSON.stringify(c)),
  onTrouble: console.log,
  onFollowing: () => console.log("following"),
  signal: ending.signal,
});
await f.started;
await sql.unsafe(`insert into t values (1,'a'); update t set id = 2; delete from t; truncate t`);
await new Promise((r) => setTimeout(r, 2000));
ending.abort();
await f.ended;
console.log("ended");
await sql.end();
