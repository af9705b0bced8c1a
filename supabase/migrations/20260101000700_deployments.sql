-- The deployments: `deno task deploy` records here the commit of the functions, so that the next deployment knows, on
-- any machine, what has changed since and what to roll back to.

create schema operations;

comment on schema operations is 'Records of operators'' commands. No API shows it.';

create table operations.deployments (
  id bigint generated always as identity,
  commit_id text not null,
  functions text[] not null,
  is_complete boolean not null default false,
  is_healthy boolean,
  deployed_at timestamptz not null default now(),
  constraint deployments_pkey primary key (id),
  constraint deployments_commit_id_whole check (commit_id ~ '^[0-9a-f]{40}$')
);

comment on table operations.deployments is 'Every deployment of the functions; the newest one is live.';
comment on column operations.deployments.commit_id is 'The commit of all functions after this deployment.';
comment on column operations.deployments.functions is 'The functions that were sent; the others had not changed.';
comment on column operations.deployments.is_complete is
  'False from before the first function is sent until all are: an interrupted deployment leaves functions of two '
  'commits.';
comment on column operations.deployments.is_healthy is 'Whether the smoke test passed; null if it did not finish.';

alter table operations.deployments enable row level security;

create policy "servers read what is deployed" on operations.deployments for select to service_role using (true);

grant usage on schema operations to service_role;
grant select on operations.deployments to service_role;
