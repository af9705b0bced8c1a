import type postgres from "postgres";

/** Enough that two connections rarely use the same user. */
export const USER_COUNT = 10_000;
const TOKENS_PER_USER = 1e12;
const FIRST_USER = 10_000;

/**
 * Creates the users, with more tokens than any run can use, in the ledger and in the tables that it is compared with.
 */
export async function makeUsers(sql: postgres.Sql): Promise<void> {
  await sql`
    create temporary table bench_users as
    select ${sql.unsafe(userExpression("number"))} as user_id
    from generate_series(${FIRST_USER}::integer, ${FIRST_USER + USER_COUNT - 1}::integer) as number`;
  await sql`select count(public.add_tokens(user_id, ${TOKENS_PER_USER}, 'bench')) from bench_users`;
  await sql`insert into bare.balances (user_id, balance) select user_id, ${TOKENS_PER_USER} from bench_users`;
  await sql`
    insert into bare.barest_balances (user_id, balance) select user_id, ${TOKENS_PER_USER} from bench_users`;
  await sql`drop table bench_users`;
  await sql`vacuum analyze public.token_balances, public.token_balance_history, bare.balances, bare.barest_balances`;
}

/** The charged users: any of them, or a single one. */
export type Spread = "spread" | "one user";

/** The lines of a pgbench script that choose the user. */
export function choose(spread: Spread): string {
  return chooseOf(FIRST_USER, spread === "spread" ? FIRST_USER + USER_COUNT - 1 : FIRST_USER);
}

/** Chooses a user by number, and generates a request id of 22 characters, as the functions do. */
export function chooseOf(first: number, last: number): string {
  return `\\set user random(${first}, ${last})
\\set id_start random(10000000000, 99999999999)
\\set id_end random(10000000000, 99999999999)`;
}

/** The chosen user's id, in SQL. */
export const USER = userExpression(":user");
/** The chosen request's id, in SQL. */
export const REQUEST_ID = "(:id_start || :id_end::text)";

/** The id of the user with this number from 0, in SQL. */
export function userOf(number: string): string {
  return userExpression(`(${FIRST_USER} + ${number})`);
}

function userExpression(number: string): string {
  return `('00000000-0000-4000-8000-0000000' || ${number})::uuid`;
}
