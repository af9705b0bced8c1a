-- The ledger's rules: charged once, never below zero, held until it is settled, never changed afterwards.

begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;

select plan(18);

create temporary table person as select gen_random_uuid() as id;
create function pg_temp.person() returns uuid language sql as 'select id from pg_temp.person';

select is(add_tokens(pg_temp.person(), 100, 'test', '{}', 'pgtap: grant') ->> 'balance', '100', 'a grant adds');
select is(add_tokens(pg_temp.person(), 100, 'test', '{}', 'pgtap: grant') ->> 'duplicate', 'true',
  'the same grant again does not');

select is(consume_tokens_atomic('pgtap: charge', pg_temp.person(), 30, 'test') ->> 'balance', '70', 'a charge takes');
select is(consume_tokens_atomic('pgtap: charge', pg_temp.person(), 30, 'test') ->> 'duplicate', 'true',
  'the same charge again is known');
select is(consume_tokens_atomic('pgtap: charge', gen_random_uuid(), 30, 'test') ->> 'error', 'idempotency_key_reused',
  'another user''s request keeps its id');
select is(consume_tokens_atomic('pgtap: too much', pg_temp.person(), 71, 'test') ->> 'error', 'insufficient_tokens',
  'nothing is sold below zero');

select is(hold_tokens('pgtap: hold', pg_temp.person(), 50, 'test') ->> 'success', 'true', 'a hold reserves');
select is(consume_tokens_atomic('pgtap: held', pg_temp.person(), 21, 'test') ->> 'error', 'insufficient_tokens',
  'what is held cannot be spent');
select is(settle_tokens('pgtap: hold', pg_temp.person(), 1, 20) ->> 'charged', '20', 'a settlement charges what it cost');
select is(settle_tokens('pgtap: hold', pg_temp.person(), 1, 20) ->> 'duplicate', 'true', 'a second one changes nothing');
select is(release_tokens('pgtap: hold', pg_temp.person(), 1) ->> 'success', 'false', 'what is settled is not given back');

select results_eq(
  'select balance, held from token_balances where user_id = pg_temp.person()',
  'values (50::bigint, 0::bigint)',
  'the balance is the sum of what happened'
);
select results_eq(
  'select delta from token_balance_history where user_id = pg_temp.person() order by entry_number',
  'values (100::bigint), (-30), (-20)',
  'the history has each change once'
);

select throws_ok('update token_balance_history set delta = 0', '42501', null, 'the history cannot be updated');
select throws_ok('delete from token_balance_history', '42501', null, 'the history cannot be deleted');
select throws_ok('truncate token_balance_history', '42501', null, 'the history cannot be truncated');

select is_empty('select * from verify_token_ledger()', 'every invariant holds');
select is_empty('select * from verify_token_chain()', 'every history''s chain is whole');

select * from finish();
rollback;
