-- The sources of metrics: each module registers how its own are read.

create schema metrics;

comment on schema metrics is 'Sums for metrics. Only the tables'' owner may use it.';

create table metrics.sources (
  name text not null,
  samples text not null,
  description text not null,
  constraint sources_pkey primary key (name),
  constraint sources_samples_a_name check (samples ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table metrics.sources is 'Modules that provide metrics; each module adds itself.';
comment on column metrics.sources.name is 'The module.';
comment on column metrics.sources.samples is
  'A function of this schema without arguments that returns [[name, [label value], value as text]] or null. It must '
  'be stable, so that all are read in one snapshot. The names are those in metrics.catalog.';
comment on column metrics.sources.description is 'What its metrics measure.';

create table metrics.catalog (
  name text not null,
  position integer generated always as identity,
  type text not null,
  labels text[] not null,
  help text not null,
  constraint catalog_pkey primary key (name),
  constraint catalog_name_plain check (name ~ '^[a-z][a-z_]*[a-z]$'),
  constraint catalog_type_known check (type in ('counter', 'gauge', 'histogram')),
  constraint catalog_counters_are_totals check ((type = 'counter') = (name like '%\_total'))
);

comment on table metrics.catalog is
  'Every metric; each module adds its own. Metrics that are not listed are not served.';
comment on column metrics.catalog.name is 'The name in docs/metrics.md, without the prefix tessera_.';
comment on column metrics.catalog.position is 'The order in which metrics are served.';
comment on column metrics.catalog.type is 'counter, gauge or histogram.';
comment on column metrics.catalog.labels is 'The names of its labels, in the order of their values in a sample.';
comment on column metrics.catalog.help is 'The help text of the metric.';

alter table metrics.sources enable row level security;
alter table metrics.catalog enable row level security;

create policy "nobody but the functions" on metrics.sources using (false);
create policy "nobody but the functions" on metrics.catalog using (false);

create function metrics.label_value(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
  select case when p_text ~ '^[A-Za-z0-9_./:-]{1,100}$' then p_text else 'other' end;
$$;

comment on function metrics.label_value(text) is 'A text as a label value; "other" if it does not look like a name.';

revoke execute on function metrics.label_value(text) from public, anon, authenticated;
