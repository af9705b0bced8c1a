import { expect, it } from "vitest";

import { followSql, sameAs } from "../../../scripts/add/created.ts";

function createdIn(...files: string[]): string[] {
  const created = new Set<string>();
  for (const text of files) followSql("some.sql", text, created);
  return [...created];
}

it.each([
  ["create table notes ()", "table public.notes"],
  ['create table if not exists "app"."Notes" (id int)', "table app.Notes"],
  ["create materialized view app.totals as select 1 as one", "table app.totals"],
  ["create type mood as enum ('glad')", "type public.mood"],
  ["create function app.f() returns int language sql as 'select 1'", "function app.f"],
  ["create index notes_id on app.notes (id)", "index app.notes_id"],
  [
    "create trigger greet after insert on auth.users for each row execute function f()",
    "trigger greet on auth.users",
  ],
  ["create policy own on storage.objects using (true)", 'policy "own" on storage.objects'],
  ["create schema app", "schema app"],
  ["create role reader", "role reader"],
  ["insert into storage.buckets values ('pictures', 'pictures')", "bucket pictures"],
  ["insert into storage.buckets (name, id) values ('a', 'b') on conflict do nothing", "bucket b"],
  ["do $$ begin create role in_block; end $$", "role in_block"],
  ["do $$ begin if true then execute 'create role by_text'; end if; end $$", "role by_text"],
  ["do $$ begin insert into storage.buckets (id, name) values ('c', 'c'); end $$", "bucket c"],
])("%s", (sql, name) => {
  expect(createdIn(sql)).toContain(name);
});

it("what is dropped or renamed later is not there any more", () => {
  const created = createdIn(
    "create table a (); create table b (); create function f() returns int language sql as 'select 1'; create schema s",
    "drop table if exists a; alter table b rename to c; drop function f(); drop schema s cascade",
  );
  expect(created).toEqual(["table public.c"]);
});

it("a view stands in the way of a table, and a function does not", () => {
  expect(sameAs("table public.a", new Set(["view public.a"]))).toBe("view public.a");
  expect(sameAs("table public.a", new Set(["function public.a"]))).toBeUndefined();
});
