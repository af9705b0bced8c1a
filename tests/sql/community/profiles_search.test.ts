import { describe, expect, it } from "vitest";

import { createDatabase, range } from "../support.ts";
import { type Answer, People } from "./people.ts";

const { sql } = await createDatabase();
const people = new People(sql);
const reader = await people.newUser("Reader");

async function newPerson(name: string, city: string | null = null): Promise<string> {
  const id = await people.newUser(name);
  await sql`update public.profiles set city = ${city} where id = ${id}`;
  return id;
}

const search = (args: Record<string, unknown>, by = reader) => people.call(by, "search_profiles", args);
const names = async (args: Record<string, unknown>, by = reader) => {
  const answer: Answer = await search(args, by);
  expect(answer).toMatchObject({ success: true });
  return answer.profiles.map((one: { full_name: string }) => one.full_name);
};

describe("a search for people", () => {
  it("finds the beginning of any word of a name, whatever the accents and the case, the nearest first", async () => {
    for (const name of ["Zoé Lefèvre", "Chloé Zoélie", "Azoé", "Zoe"]) await newPerson(name);
    expect(await names({ p_query: " ZOE " })).toEqual(["Zoe", "Zoé Lefèvre", "Chloé Zoélie"]);
    expect(await names({ p_query: "lefevre" })).toEqual(["Zoé Lefèvre"]);
  });

  it("finds a name with a mistake in it", async () => {
    await newPerson("Wolfeschlegel");
    expect(await names({ p_query: "wolfeschlegle" })).toEqual(["Wolfeschlegel"]);
  });

  it("keeps to a city, or asks for nothing but that", async () => {
    await newPerson("Quentin A", "Saint-Étienne");
    await newPerson("Quentin B", "Nancy");
    expect(await names({ p_query: "quentin", p_city: "saint-etienne" })).toEqual(["Quentin A"]);
    expect(await names({ p_city: "NANCY" })).toEqual(["Quentin B"]);
  });

  it("takes no character for a wildcard", async () => {
    await newPerson("100% Percent");
    await newPerson("Back\\slash");
    expect(await names({ p_query: "%%" })).toEqual([]);
    expect(await names({ p_query: "__" })).toEqual([]);
    expect(await names({ p_query: "100%" })).toEqual(["100% Percent"]);
    expect(await names({ p_query: "back\\" })).toEqual(["Back\\slash"]);
  });

  it("leaves out whom the reader has blocked, and who has blocked the reader", async () => {
    const [one, two] = [await newPerson("Ulysses One"), await newPerson("Ulysses Two")];
    const by = await people.newUser();
    expect(await names({ p_query: "ulysses" }, by)).toEqual(["Ulysses One", "Ulysses Two"]);
    await people.call(by, "block_user", { p_user_id: one });
    await people.call(two, "block_user", { p_user_id: by });
    expect(await names({ p_query: "ulysses" }, by)).toEqual([]);
  });

  it("shows what everybody may read, and nothing else", async () => {
    await newPerson("Xanthippe");
    const { profiles: [found] } = await search({ p_query: "xanthippe" });
    expect(Object.keys(found).toSorted()).toEqual(
      ["avatar_url", "bio", "city", "full_name", "id", "interests", "presence_status"],
    );
  });

  it.each([{}, { p_query: "a" }, { p_query: " \u0301a" }, { p_city: "x" }, { p_query: null, p_city: null }])(
    "for %o is refused, as it would find everybody",
    async (args) => {
      expect(await search(args)).toMatchObject({ success: false, error: "invalid_request" });
    },
  );

  it("runs 60 times a minute, and is not for nobody", async () => {
    const by = await people.newUser();
    const answers = await Promise.all(range(100).map(() => search({ p_query: "zz" }, by)));
    const served = answers.filter(({ success }) => success).length;
    // One a second comes back while they run.
    expect(served).toBeGreaterThanOrEqual(60);
    expect(served).toBeLessThan(100);
    expect(answers.find(({ success }) => !success)).toMatchObject({ error: "rate_limited" });
    expect(await people.refusal(null, "select public.search_profiles('zz')")).toBe("42501");
  });

  it("answers with at most 50, and reads an index rather than everybody", async () => {
    const { sql } = await createDatabase();
    const people = new People(sql);
    const by = await people.newUser();
    await sql`
      insert into auth.users (id, raw_user_meta_data)
      select gen_random_uuid(), jsonb_build_object('full_name',
        case when number % 100 = 0 then 'Marguerite' else md5(number::text) end || ' ' || md5(number::text || 'x'))
      from generate_series(1, 10000) as number`;
    await sql`vacuum analyze public.profiles`;
    const count = async (limit: number | null) =>
      (await people.call(by, "search_profiles", { p_query: "marguerite", p_limit: limit })).profiles.length;
    expect([await count(1_000_000), await count(null), await count(-1)]).toEqual([50, 20, 1]);
    const scans = async () => {
      await sql`select pg_stat_force_next_flush()`;
      const [row] = await sql`
        select seq_scan::integer as whole from pg_stat_user_tables where relid = 'public.profiles'::regclass`;
      return row!.whole;
    };
    const before = await scans();
    for (const p_query of ["marguerite", "ma", "d41d8"]) {
      await people.call(by, "search_profiles", { p_query });
    }
    expect(await scans()).toBe(before);
  });
});
