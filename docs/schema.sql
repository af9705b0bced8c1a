-- Written by `deno task types` from the migrations; not to be changed by hand, and never run. What a change of the
-- schema does shows here: a grant or a policy that nobody wanted, too.

create schema files;
grant usage on schema files to authenticated;

create schema job_runner;

create schema metrics;

create schema operations;
grant usage on schema operations to service_role;

create schema private;
grant usage on schema private to service_role;

create schema token_history;

create type public.token_grant_kind as enum ('promotion', 'rollover', 'refund', 'plan', 'paid');

create type public.token_lock_status as enum ('held', 'settled', 'released', 'expired');

create table metrics.catalog (
  name text not null,
  "position" integer generated as identity not null,
  type text not null,
  labels text[] not null,
  help text not null,
  constraint catalog_pkey PRIMARY KEY (name),
  constraint catalog_counters_are_totals CHECK (((type = 'counter'::text) = (name ~~ '%\_total'::text))),
  constraint catalog_name_plain CHECK ((name ~ '^[a-z][a-z_]*[a-z]$'::text)),
  constraint catalog_type_known CHECK ((type = ANY (ARRAY['counter'::text, 'gauge'::text, 'histogram'::text])))
);
alter table metrics.catalog enable row level security;
create policy "nobody but the functions" on metrics.catalog for all to public using (false);

create table metrics.flushes (
  flush_id uuid not null,
  flushed_at timestamp with time zone default now() not null,
  constraint flushes_pkey PRIMARY KEY (flush_id)
);
alter table metrics.flushes enable row level security;
create policy "nobody but the functions" on metrics.flushes for all to public using (false);

create table metrics.ledger_progress (
  id boolean default true not null,
  counted_until timestamp with time zone default '-infinity'::timestamp with time zone not null,
  constraint ledger_progress_pkey PRIMARY KEY (id),
  constraint ledger_progress_one_row CHECK (id)
);
alter table metrics.ledger_progress enable row level security;
create policy "nobody but the functions" on metrics.ledger_progress for all to public using (false);

create table metrics.ledger_totals (
  name text not null,
  label_values text[] not null,
  count bigint not null,
  tokens numeric not null,
  constraint ledger_totals_pkey PRIMARY KEY (name, label_values)
);
alter table metrics.ledger_totals enable row level security;
create policy "nobody but the functions" on metrics.ledger_totals for all to public using (false);

create table metrics.request_totals (
  name text not null,
  label_values text[] not null,
  count bigint not null,
  seconds double precision,
  buckets bigint[],
  constraint request_totals_pkey PRIMARY KEY (name, label_values)
) with (fillfactor=50);
alter table metrics.request_totals enable row level security;
create policy "nobody but the functions" on metrics.request_totals for all to public using (false);

create table metrics.sources (
  name text not null,
  samples text not null,
  description text not null,
  constraint sources_pkey PRIMARY KEY (name),
  constraint sources_samples_a_name CHECK ((samples ~ '^[a-z][a-z0-9_]{0,62}$'::text))
);
alter table metrics.sources enable row level security;
create policy "nobody but the functions" on metrics.sources for all to public using (false);

create table operations.deployments (
  id bigint generated as identity not null,
  commit_id text not null,
  functions text[] not null,
  is_complete boolean default false not null,
  is_healthy boolean,
  deployed_at timestamp with time zone default now() not null,
  constraint deployments_pkey PRIMARY KEY (id),
  constraint deployments_commit_id_whole CHECK ((commit_id ~ '^[0-9a-f]{40}$'::text))
);
alter table operations.deployments enable row level security;
create policy "servers read what is deployed" on operations.deployments for select to service_role using (true);
grant select on table operations.deployments to service_role;

create table private.alert_deliveries (
  endpoint_id uuid not null,
  alert_id bigint not null,
  ordering_key text not null,
  status text default 'pending'::text not null,
  attempts integer default 0 not null,
  next_attempt_at timestamp with time zone default now() not null,
  lease_id uuid,
  leased_until timestamp with time zone,
  first_attempt_at timestamp with time zone,
  last_attempt_at timestamp with time zone,
  last_http_status integer,
  last_error text,
  delivered_at timestamp with time zone,
  constraint alert_deliveries_pkey PRIMARY KEY (alert_id, endpoint_id),
  constraint alert_deliveries_alert_fkey FOREIGN KEY (alert_id) REFERENCES private.alert_outbox(id) ON DELETE CASCADE,
  constraint alert_deliveries_endpoint_fkey FOREIGN KEY (endpoint_id) REFERENCES private.alert_endpoints(id),
  constraint alert_deliveries_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text, 'cancelled'::text])))
) with (fillfactor=70);
CREATE INDEX alert_deliveries_dead_idx ON private.alert_deliveries USING btree (alert_id) WHERE (status = 'dead'::text);
CREATE INDEX alert_deliveries_due_idx ON private.alert_deliveries USING btree (endpoint_id, next_attempt_at, alert_id) WHERE (status = 'pending'::text);
CREATE INDEX alert_deliveries_line_idx ON private.alert_deliveries USING btree (endpoint_id, ordering_key, alert_id);
alter table private.alert_deliveries enable row level security;
create policy "nobody reads deliveries" on private.alert_deliveries for select to public using (false);

create table private.alert_endpoints (
  id uuid not null,
  host text not null,
  sealed text not null,
  alert_types text[] not null,
  description text not null,
  previous_secret_until timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  is_gone boolean default false not null,
  constraint alert_endpoints_pkey PRIMARY KEY (id)
);
alter table private.alert_endpoints enable row level security;
create policy "nobody reads endpoints" on private.alert_endpoints for select to public using (false);

create table private.alert_outbox (
  webhook_id text default ('msg_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)) not null,
  id bigint generated as identity not null,
  alert_type text not null,
  ordering_key text not null,
  dedupe_key text,
  payload jsonb not null,
  is_fanned_out boolean default false not null,
  created_at timestamp with time zone default now() not null,
  constraint alert_outbox_pkey PRIMARY KEY (id),
  constraint alert_outbox_emitted_once UNIQUE (alert_type, dedupe_key)
);
CREATE INDEX alert_outbox_created_at_idx ON private.alert_outbox USING btree (created_at);
CREATE INDEX alert_outbox_not_fanned_out_idx ON private.alert_outbox USING btree (id) WHERE (NOT is_fanned_out);
CREATE INDEX alert_outbox_ordering_key_idx ON private.alert_outbox USING btree (ordering_key);
CREATE TRIGGER alert_outbox_ordering_key_followed AFTER UPDATE OF ordering_key ON private.alert_outbox FOR EACH ROW WHEN ((old.ordering_key IS DISTINCT FROM new.ordering_key)) EXECUTE FUNCTION private.follow_alert_ordering_key();
alter table private.alert_outbox enable row level security;
create policy "nobody reads the outbox" on private.alert_outbox for select to public using (false);

create table private.alert_settings (
  id boolean default true not null,
  first_retry_after interval default '00:00:10'::interval not null,
  longest_retry_after interval default '00:15:00'::interval not null,
  give_up_after interval default '3 days'::interval not null,
  keep_delivered interval default '30 days'::interval not null,
  keep_dead interval default '90 days'::interval not null,
  constraint alert_settings_pkey PRIMARY KEY (id),
  constraint alert_settings_kept_long_enough CHECK ((LEAST(keep_delivered, keep_dead) >= '2 days'::interval)),
  constraint alert_settings_one_row CHECK (id),
  constraint alert_settings_retries_sensible CHECK (((first_retry_after >= '00:00:01'::interval) AND ((longest_retry_after >= first_retry_after) AND (longest_retry_after <= '1 day'::interval)) AND ((give_up_after >= '01:00:00'::interval) AND (give_up_after <= '30 days'::interval))))
);
alter table private.alert_settings enable row level security;
create policy "servers read the alert settings" on private.alert_settings for select to service_role using (true);
grant select on table private.alert_settings to service_role;

create table private.anomaly_resolutions (
  resolved_by text not null,
  anomaly_id bigint not null,
  note text not null,
  resolved_at timestamp with time zone default now() not null,
  constraint anomaly_resolutions_pkey PRIMARY KEY (anomaly_id),
  constraint anomaly_resolutions_anomaly_fkey FOREIGN KEY (anomaly_id) REFERENCES public.token_anomalies(id) ON DELETE CASCADE
);
alter table private.anomaly_resolutions enable row level security;
create policy "servers read resolutions" on private.anomaly_resolutions for select to service_role using (true);
grant select on table private.anomaly_resolutions to service_role;

create table private.anomaly_rules (
  anomaly_type text not null,
  pauses_account boolean not null,
  constraint anomaly_rules_pkey PRIMARY KEY (anomaly_type)
);
alter table private.anomaly_rules enable row level security;
create policy "servers read the anomaly rules" on private.anomaly_rules for select to service_role using (true);
grant select on table private.anomaly_rules to service_role;

create table private.anomaly_settings (
  id boolean default true not null,
  scanned_until timestamp with time zone default now() not null,
  frequency_window interval default '00:01:00'::interval not null,
  frequency_threshold integer default 60 not null,
  spike_window interval default '01:00:00'::interval not null,
  spike_factor numeric default 10 not null,
  spike_least_tokens bigint default 1000 not null,
  spike_history interval default '7 days'::interval not null,
  refund_window interval default '7 days'::interval not null,
  refund_share numeric default 0.5 not null,
  refund_least_tokens bigint default 100 not null,
  networks_window interval default '01:00:00'::interval not null,
  networks_threshold integer default 10 not null,
  keep_anomalies interval default '180 days'::interval not null,
  constraint anomaly_settings_pkey PRIMARY KEY (id),
  constraint anomaly_settings_keep_anomalies_sensible CHECK ((keep_anomalies >= '30 days'::interval)),
  constraint anomaly_settings_one_row CHECK (id),
  constraint anomaly_settings_thresholds_sensible CHECK (((frequency_threshold >= 1) AND (spike_factor >= (1)::numeric) AND (spike_least_tokens >= 1) AND (networks_threshold >= 1) AND (refund_share > (0)::numeric) AND (refund_share <= (1)::numeric) AND (refund_least_tokens >= 1))),
  constraint anomaly_settings_windows_sensible CHECK ((((frequency_window >= '00:00:10'::interval) AND (frequency_window <= '1 day'::interval)) AND ((spike_window >= '00:01:00'::interval) AND (spike_window <= '1 day'::interval)) AND ((spike_history >= '01:00:00'::interval) AND (spike_history <= '90 days'::interval)) AND ((networks_window >= '00:01:00'::interval) AND (networks_window <= '1 day'::interval)) AND ((refund_window >= '01:00:00'::interval) AND (refund_window <= '90 days'::interval))))
);
alter table private.anomaly_settings enable row level security;
create policy "servers read the anomaly settings" on private.anomaly_settings for select to service_role using (true);
grant select on table private.anomaly_settings to service_role;

create table private.archived_messages (
  id bigint not null,
  salon_id uuid not null,
  seq bigint not null,
  user_id uuid,
  client_id uuid not null,
  content text not null,
  reply_to_id bigint,
  reply_to_user_id uuid,
  mentions uuid[] default '{}'::uuid[] not null,
  is_deleted boolean default false not null,
  deleted_at timestamp with time zone,
  edited_at timestamp with time zone,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint archived_messages_pkey PRIMARY KEY (id),
  constraint archived_messages_client_id_key UNIQUE (user_id, client_id),
  constraint archived_messages_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE,
  constraint archived_messages_seq_key UNIQUE (salon_id, seq),
  constraint chat_messages_deleted_is_empty CHECK (((NOT is_deleted) OR ((content = ''::text) AND (mentions = '{}'::uuid[])))),
  constraint chat_messages_deleted_since CHECK ((is_deleted = (deleted_at IS NOT NULL)))
);
CREATE INDEX archived_messages_mentions_idx ON private.archived_messages USING gin (mentions) WITH (fastupdate=off) WHERE (mentions <> '{}'::uuid[]);
CREATE INDEX archived_messages_present_idx ON private.archived_messages USING btree (salon_id, seq) INCLUDE (user_id, reply_to_user_id) WHERE (NOT is_deleted);
CREATE INDEX archived_messages_reply_to_user_id_idx ON private.archived_messages USING btree (reply_to_user_id) WHERE (reply_to_user_id IS NOT NULL);
CREATE INDEX archived_messages_search_idx ON private.archived_messages USING gin (private.message_vector(salon_id, id, content)) WITH (fastupdate=off) WHERE (NOT is_deleted);
alter table private.archived_messages enable row level security;
create policy "nobody but through chat_messages" on private.archived_messages for all to public using (false);

create table private.call_limit_sources (
  name text not null,
  limit_of text not null,
  note_excess text not null,
  description text not null,
  constraint call_limit_sources_pkey PRIMARY KEY (name),
  constraint call_limit_sources_limit_of_a_name CHECK ((limit_of ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
  constraint call_limit_sources_note_excess_a_name CHECK ((note_excess ~ '^[a-z][a-z0-9_]{0,62}$'::text))
);
alter table private.call_limit_sources enable row level security;
create policy "nobody but the functions" on private.call_limit_sources for all to public using (false);

create unlogged table private.caller_networks (
  subject uuid not null,
  network text not null,
  seen_at timestamp with time zone default now() not null,
  constraint caller_networks_pkey PRIMARY KEY (subject, network)
);
CREATE TRIGGER caller_networks_of_users_alone BEFORE INSERT ON private.caller_networks FOR EACH ROW EXECUTE FUNCTION private.refuse_networks_of_forgotten();
CREATE TRIGGER caller_networks_watch_known AFTER UPDATE ON private.caller_networks REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION private.watch_caller_networks();
CREATE TRIGGER caller_networks_watch_new AFTER INSERT ON private.caller_networks REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION private.watch_caller_networks();
alter table private.caller_networks enable row level security;
create policy "nobody reads networks" on private.caller_networks for select to public using (false);

create table private.file_settings (
  id boolean default true not null,
  uploads_per_user integer default 200 not null,
  upload_bytes_per_user bigint default 1073741824 not null,
  keep_uploads interval default '30 days'::interval not null,
  keep_generated interval default '90 days'::interval not null,
  constraint file_settings_pkey PRIMARY KEY (id),
  constraint file_settings_kept_long_enough CHECK (((keep_uploads >= '1 day'::interval) AND (keep_generated >= '8 days'::interval))),
  constraint file_settings_one_row CHECK (id),
  constraint file_settings_quotas_not_negative CHECK (((uploads_per_user >= 0) AND (upload_bytes_per_user >= 0)))
);
alter table private.file_settings enable row level security;
create policy "servers read the file settings" on private.file_settings for select to service_role using (true);
grant select on table private.file_settings to service_role;

create table private.forgotten_authors (
  user_id uuid not null,
  last_message_id bigint not null,
  is_cut_off boolean default false not null,
  salon_ids uuid[] default '{}'::uuid[] not null,
  forgotten_at timestamp with time zone default clock_timestamp() not null,
  due_at timestamp with time zone default clock_timestamp() not null,
  constraint forgotten_authors_pkey PRIMARY KEY (user_id)
);
CREATE INDEX forgotten_authors_due_at_idx ON private.forgotten_authors USING btree (due_at);
alter table private.forgotten_authors enable row level security;
create policy "nobody but the functions" on private.forgotten_authors for all to public using (false);

create table private.grant_expiry_alerts (
  grant_id bigint not null,
  expires_at timestamp with time zone not null,
  constraint grant_expiry_alerts_pkey PRIMARY KEY (grant_id)
);
CREATE INDEX grant_expiry_alerts_expires_at_idx ON private.grant_expiry_alerts USING btree (expires_at);
alter table private.grant_expiry_alerts enable row level security;
create policy "nobody but the functions" on private.grant_expiry_alerts for all to public using (false);

create table private.job_runs (
  job_name text not null,
  id bigint generated as identity not null,
  started_at timestamp with time zone not null,
  ends_by timestamp with time zone not null,
  ended_at timestamp with time zone,
  outcome text,
  result jsonb,
  error text,
  backend_pid integer,
  backend_started_at timestamp with time zone,
  http_request_id bigint,
  constraint job_runs_pkey PRIMARY KEY (id),
  constraint job_runs_ended_with_outcome CHECK (((ended_at IS NULL) = (outcome IS NULL))),
  constraint job_runs_job_name_fkey FOREIGN KEY (job_name) REFERENCES private.jobs(name) ON UPDATE CASCADE ON DELETE CASCADE,
  constraint job_runs_outcome_known CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'problem'::text, 'failed'::text, 'lost'::text])))
);
CREATE INDEX job_runs_job_name_idx ON private.job_runs USING btree (job_name, id);
CREATE UNIQUE INDEX job_runs_open_idx ON private.job_runs USING btree (job_name) WHERE (ended_at IS NULL);
alter table private.job_runs enable row level security;
create policy "servers read the runs" on private.job_runs for select to service_role using (true);
grant select on table private.job_runs to service_role;

create table private.jobs (
  name text not null,
  description text not null,
  schedule text not null,
  kind text not null,
  command text not null,
  is_repeated boolean default false not null,
  expected_result jsonb,
  is_enabled boolean default true not null,
  timeout_ms integer not null,
  overdue_after interval not null,
  created_at timestamp with time zone default now() not null,
  constraint jobs_pkey PRIMARY KEY (name),
  constraint jobs_command_a_name CHECK (
CASE kind
    WHEN 'sql'::text THEN (command ~ '^(public|private)[.][a-z][a-z0-9_]{0,62}$'::text)
    ELSE (command ~ '^[a-z0-9][a-z0-9-]*(/[a-z0-9-]+)?([?]action=[a-z0-9_-]+(&if_[a-z_]+=true)?)?$'::text)
END),
  constraint jobs_kind_known CHECK ((kind = ANY (ARRAY['sql'::text, 'http'::text]))),
  constraint jobs_name_plain CHECK ((name ~ '^[a-z][a-z0-9_]{2,50}$'::text)),
  constraint jobs_schedule_readable CHECK ((job_runner.latest_time(schedule, '2026-01-01 00:00:00+00'::timestamp with time zone) IS NOT NULL)),
  constraint jobs_timeout_in_range CHECK (((timeout_ms >= 1000) AND (timeout_ms <= 7200000)))
);
alter table private.jobs enable row level security;
create policy "servers read the jobs" on private.jobs for select to service_role using (true);
grant select on table private.jobs to service_role;

create table private.ledger_alert_settings (
  id boolean default true not null,
  anomaly_window interval default '01:00:00'::interval not null,
  low_balance_window interval default '01:00:00'::interval not null,
  low_balance_tokens bigint default 20 not null,
  wallet_low_tokens bigint default 200 not null,
  low_balance_scanned_at timestamp with time zone default now() not null,
  grant_expiring_before interval default '3 days'::interval not null,
  provider_window interval default '00:05:00'::interval not null,
  provider_least_failures integer default 10 not null,
  provider_failure_share numeric default 0.5 not null,
  provider_repeat interval default '00:30:00'::interval not null,
  constraint ledger_alert_settings_pkey PRIMARY KEY (id),
  constraint ledger_alert_settings_grant_expiring_sensible CHECK (((grant_expiring_before >= '00:00:00'::interval) AND (grant_expiring_before <= '90 days'::interval))),
  constraint ledger_alert_settings_one_row CHECK (id),
  constraint ledger_alert_settings_provider_sensible CHECK (((provider_least_failures >= 1) AND (provider_failure_share > (0)::numeric) AND (provider_failure_share <= (1)::numeric))),
  constraint ledger_alert_settings_windows_sensible CHECK (((LEAST(anomaly_window, low_balance_window, provider_window, provider_repeat) >= '00:01:00'::interval) AND (GREATEST(anomaly_window, low_balance_window, provider_window, provider_repeat) <= '30 days'::interval)))
);
alter table private.ledger_alert_settings enable row level security;
create policy "servers read the alert settings of the ledger" on private.ledger_alert_settings for select to service_role using (true);
grant select on table private.ledger_alert_settings to service_role;

create table private.message_edits (
  message_id bigint not null,
  number integer not null,
  salon_id uuid not null,
  content text not null,
  replaced_at timestamp with time zone not null,
  constraint message_edits_pkey PRIMARY KEY (message_id, number),
  constraint message_edits_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX message_edits_salon_id_idx ON private.message_edits USING btree (salon_id);
alter table private.message_edits enable row level security;
create policy "nobody but the functions" on private.message_edits for all to public using (false);

create table private.message_reads (
  user_id uuid not null,
  salon_id uuid not null,
  last_read_seq bigint default 0 not null,
  read_at timestamp with time zone default clock_timestamp() not null,
  constraint message_reads_pkey PRIMARY KEY (user_id, salon_id),
  constraint message_reads_member_fkey FOREIGN KEY (salon_id, user_id) REFERENCES public.salon_members(salon_id, user_id) ON DELETE CASCADE,
  constraint message_reads_not_negative CHECK ((last_read_seq >= 0))
) with (fillfactor=70);
CREATE INDEX message_reads_salon_id_idx ON private.message_reads USING btree (salon_id, user_id);
alter table private.message_reads enable row level security;
create policy "nobody but the functions" on private.message_reads for all to public using (false);

create table private.message_settings (
  id boolean default true not null,
  content_characters integer default 4000 not null,
  mentions_per_message integer default 20 not null,
  attachments_per_message integer default 10 not null,
  attachments_per_user integer default 500 not null,
  attachment_bytes_per_user bigint default 536870912 not null,
  reactions_per_message integer default 40 not null,
  pins_per_salon integer default 50 not null,
  edits_per_message integer default 20 not null,
  edit_window interval default '00:15:00'::interval not null,
  user_quota integer default 30 not null,
  user_window_s integer default 30 not null,
  salon_quota integer default 1200 not null,
  salon_window_s integer default 10 not null,
  archive_after interval default '1 year'::interval not null,
  keep_forgotten boolean default true not null,
  constraint message_settings_pkey PRIMARY KEY (id),
  constraint message_settings_in_range CHECK ((((content_characters >= 1) AND (content_characters <= 8000)) AND (user_quota > 0) AND (user_window_s > 0) AND (salon_quota > 0) AND (salon_window_s > 0) AND (archive_after >= '1 day'::interval))),
  constraint message_settings_not_negative CHECK (((LEAST((mentions_per_message)::bigint, (attachments_per_message)::bigint, (attachments_per_user)::bigint, attachment_bytes_per_user, (reactions_per_message)::bigint, (pins_per_salon)::bigint, (edits_per_message)::bigint) >= 0) AND (edit_window >= '00:00:00'::interval))),
  constraint message_settings_one_row CHECK (id)
);
alter table private.message_settings enable row level security;
create policy "servers read the message settings" on private.message_settings for select to service_role using (true);
grant select on table private.message_settings to service_role;

create table private.oauth_authorizations (
  state_hash text not null,
  request text not null,
  answer text,
  expires_at timestamp with time zone not null,
  constraint oauth_authorizations_pkey PRIMARY KEY (state_hash),
  constraint oauth_authorizations_encrypted CHECK (((request ~~ 't1.%'::text) AND (answer ~~ 't1.%'::text))),
  constraint oauth_authorizations_size CHECK (((length(request) < 20000) AND (length(answer) < 20000)))
);
CREATE INDEX oauth_authorizations_expires_at_idx ON private.oauth_authorizations USING btree (expires_at);
alter table private.oauth_authorizations enable row level security;
create policy "closed to users" on private.oauth_authorizations for all to anon, authenticated using (false);

create table private.oauth_grants (
  key text not null,
  subject uuid not null,
  provider text not null,
  scope text,
  granted_at timestamp with time zone,
  renewed_at timestamp with time zone not null,
  token_expires_at timestamp with time zone,
  kept_until timestamp with time zone,
  constraint oauth_grants_pkey PRIMARY KEY (key),
  constraint oauth_grants_key_length CHECK (((length(key) >= 1) AND (length(key) <= 300)))
);
CREATE INDEX oauth_grants_kept_until_idx ON private.oauth_grants USING btree (kept_until) WHERE (kept_until IS NOT NULL);
CREATE INDEX oauth_grants_subject_idx ON private.oauth_grants USING btree (subject);
alter table private.oauth_grants enable row level security;
create policy "closed to users" on private.oauth_grants for all to anon, authenticated using (false);

create table private.oauth_leases (
  key text not null,
  fence bigint default 0 not null,
  revoked_fence bigint default 0 not null,
  holder uuid,
  held_until timestamp with time zone,
  failure_count integer default 0 not null,
  retry_at timestamp with time zone,
  last_error text,
  updated_at timestamp with time zone default now() not null,
  constraint oauth_leases_pkey PRIMARY KEY (key),
  constraint oauth_leases_key_length CHECK (((length(key) >= 1) AND (length(key) <= 300))),
  constraint oauth_leases_revoked_is_past CHECK ((revoked_fence <= fence))
) with (fillfactor=50);
alter table private.oauth_leases enable row level security;
create policy "closed to users" on private.oauth_leases for all to anon, authenticated using (false);

create table private.oauth_provider_health (
  provider text not null,
  failure_count integer default 0 not null,
  retry_at timestamp with time zone,
  last_error text,
  updated_at timestamp with time zone default now() not null,
  constraint oauth_provider_health_pkey PRIMARY KEY (provider),
  constraint oauth_provider_health_provider_length CHECK (((length(provider) >= 1) AND (length(provider) <= 100)))
);
alter table private.oauth_provider_health enable row level security;
create policy "closed to users" on private.oauth_provider_health for all to anon, authenticated using (false);

create table private.oauth_revocations (
  subject uuid not null,
  requested_at timestamp with time zone default now() not null,
  constraint oauth_revocations_pkey PRIMARY KEY (subject)
);
alter table private.oauth_revocations enable row level security;
create policy "closed to users" on private.oauth_revocations for all to anon, authenticated using (false);

create table private.otp_decisions (
  issuance_id uuid,
  id bigint generated as identity not null,
  request_key text,
  occurrence text,
  outcome text not null,
  reasons text[] default '{}'::text[] not null,
  guard_mode text not null,
  purpose text not null,
  channel text not null,
  country text not null,
  prefix text not null,
  phone text not null,
  network text not null,
  limit_key text,
  is_repeat boolean default false not null,
  counts_for text[] default '{}'::text[] not null,
  owner_id uuid,
  auth_user_id uuid,
  cost_micros bigint default 0 not null,
  delivery text default 'none'::text not null,
  provider text,
  provider_message_id text,
  repeat_count bigint default 1 not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  verified_at timestamp with time zone,
  constraint otp_decisions_pkey PRIMARY KEY (id),
  constraint otp_decisions_delivery_known CHECK ((delivery = ANY (ARRAY['none'::text, 'pending'::text, 'sent'::text, 'unknown'::text, 'failed'::text, 'delivered'::text, 'undelivered'::text]))),
  constraint otp_decisions_issuance_id_key UNIQUE (issuance_id),
  constraint otp_decisions_occurrence_key UNIQUE (occurrence),
  constraint otp_decisions_outcome_known CHECK ((outcome = ANY (ARRAY['allowed'::text, 'denied'::text]))),
  constraint otp_decisions_request_key_key UNIQUE (request_key)
);
CREATE INDEX otp_decisions_auth_user_id_idx ON private.otp_decisions USING btree (auth_user_id) WHERE (auth_user_id IS NOT NULL);
CREATE INDEX otp_decisions_created_at_idx ON private.otp_decisions USING btree (created_at);
CREATE INDEX otp_decisions_owner_id_idx ON private.otp_decisions USING btree (owner_id) WHERE (owner_id IS NOT NULL);
CREATE INDEX otp_decisions_waiting_for_auth_idx ON private.otp_decisions USING btree (created_at) WHERE ((auth_user_id IS NOT NULL) AND (verified_at IS NULL));
alter table private.otp_decisions enable row level security;
create policy "servers read decisions" on private.otp_decisions for select to service_role using (true);
grant select on table private.otp_decisions to service_role;

create table private.otp_guesses (
  key text not null,
  full_at timestamp with time zone not null,
  constraint otp_guesses_pkey PRIMARY KEY (key)
) with (fillfactor=50);
alter table private.otp_guesses enable row level security;
create policy "nobody reads guesses" on private.otp_guesses for select to public using (false);

create table private.otp_known_phones (
  phone text not null,
  network text not null,
  verified_at timestamp with time zone not null,
  constraint otp_known_phones_pkey PRIMARY KEY (phone, network)
) with (fillfactor=80);
CREATE INDEX otp_known_phones_verified_at_idx ON private.otp_known_phones USING btree (verified_at);
alter table private.otp_known_phones enable row level security;
create policy "nobody reads known phones" on private.otp_known_phones for select to public using (false);

create unlogged table private.otp_networks (
  network text not null,
  country text not null,
  seen_at timestamp with time zone not null,
  day date not null,
  sent integer not null,
  verified integer default 0 not null,
  constraint otp_networks_pkey PRIMARY KEY (network, country)
) with (fillfactor=50);
alter table private.otp_networks enable row level security;
create policy "nobody reads networks" on private.otp_networks for select to public using (false);

create table private.otp_providers (
  name text not null,
  failures integer not null,
  open_until timestamp with time zone,
  updated_at timestamp with time zone not null,
  constraint otp_providers_pkey PRIMARY KEY (name)
);
alter table private.otp_providers enable row level security;
create policy "servers read the breakers" on private.otp_providers for select to service_role using (true);
grant select on table private.otp_providers to service_role;

create table private.otp_routes (
  provider text not null,
  country text not null,
  undelivered integer not null,
  updated_at timestamp with time zone not null,
  constraint otp_routes_pkey PRIMARY KEY (provider, country)
);
alter table private.otp_routes enable row level security;
create policy "servers read the routes" on private.otp_routes for select to service_role using (true);
grant select on table private.otp_routes to service_role;

create table private.otp_settings (
  id boolean default true not null,
  code_lifetime interval default '00:05:00'::interval not null,
  most_attempts integer default 5 not null,
  guesses_per_day integer default 20 not null,
  guesses_per_phone_day integer default 100 not null,
  verifications_per_network_hour integer default 300 not null,
  cooldown interval default '00:01:00'::interval not null,
  sends_per_requester_day integer default 10 not null,
  sends_per_phone_day integer default 10 not null,
  sends_per_address_day integer default 10 not null,
  sends_per_network_hour integer default 30 not null,
  sends_per_network_prefix_hour integer default 5 not null,
  sends_per_prefix_hour integer default 30 not null,
  sends_per_country_hour integer default 1000 not null,
  spend_cap_micros bigint default 50000000 not null,
  spend_kept_percent integer default 20 not null,
  guard_mode text default 'record_only'::text not null,
  guard_codes_per_network integer default 1 not null,
  guard_countries_per_network integer default 3 not null,
  guard_network_floor_day integer default 10 not null,
  guard_country_floor_day integer default 20 not null,
  guard_country_floor_hour integer default 10 not null,
  guard_prefix_floor_day integer default 10 not null,
  guard_prefix_floor_hour integer default 5 not null,
  verified_phone_lifetime interval default '180 days'::interval not null,
  proof_lifetime interval default '00:05:00'::interval not null,
  breaker_failures integer default 5 not null,
  breaker_pause interval default '00:00:30'::interval not null,
  decision_retention interval default '90 days'::interval not null,
  digest_salt bytea default decode(replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text), 'hex'::text) not null,
  constraint otp_settings_pkey PRIMARY KEY (id),
  constraint otp_settings_attempts_known CHECK (((most_attempts >= 1) AND (most_attempts <= 10))),
  constraint otp_settings_code_lifetime_known CHECK (((code_lifetime >= '00:00:30'::interval) AND (code_lifetime <= '00:10:00'::interval))),
  constraint otp_settings_floors_known CHECK (((guard_codes_per_network > 0) AND (guard_countries_per_network >= 0) AND (guard_network_floor_day >= 0) AND (guard_country_floor_day >= 0) AND (guard_country_floor_hour >= 0) AND (guard_prefix_floor_day >= 0) AND (guard_prefix_floor_hour >= 0))),
  constraint otp_settings_guard_mode_known CHECK ((guard_mode = ANY (ARRAY['off'::text, 'record_only'::text, 'deny'::text]))),
  constraint otp_settings_guesses_known CHECK (((guesses_per_day >= most_attempts) AND (guesses_per_day <= 100))),
  constraint otp_settings_guesses_per_phone_known CHECK (((guesses_per_phone_day >= guesses_per_day) AND (guesses_per_phone_day <= 1000))),
  constraint otp_settings_limits_known CHECK ((((verifications_per_network_hour >= 1) AND (verifications_per_network_hour <= 250000000)) AND ((sends_per_requester_day >= 1) AND (sends_per_requester_day <= 1000000000)) AND ((sends_per_phone_day >= 1) AND (sends_per_phone_day <= 1000000000)) AND ((sends_per_address_day >= 1) AND (sends_per_address_day <= 1000000000)) AND ((sends_per_network_hour >= 1) AND (sends_per_network_hour <= 250000000)) AND ((sends_per_network_prefix_hour >= 1) AND (sends_per_network_prefix_hour <= 1000000000)) AND ((sends_per_prefix_hour >= 1) AND (sends_per_prefix_hour <= 1000000000)) AND ((sends_per_country_hour >= 1) AND (sends_per_country_hour <= 1000000000)) AND (spend_cap_micros >= 0) AND ((spend_kept_percent >= 0) AND (spend_kept_percent <= 100)))),
  constraint otp_settings_one_row CHECK (id),
  constraint otp_settings_retention_known CHECK (((decision_retention >= '1 day'::interval) AND (decision_retention <= '3650 days'::interval))),
  constraint otp_settings_times_known CHECK ((((cooldown >= '00:00:01'::interval) AND (cooldown <= '01:00:00'::interval)) AND (breaker_failures > 0) AND ((breaker_pause >= '00:00:01'::interval) AND (breaker_pause <= '00:10:00'::interval)) AND ((proof_lifetime >= '00:00:01'::interval) AND (proof_lifetime <= '01:00:00'::interval)) AND ((verified_phone_lifetime >= '1 day'::interval) AND (verified_phone_lifetime <= '3650 days'::interval))))
);
alter table private.otp_settings enable row level security;
create policy "nobody reads the settings" on private.otp_settings for select to public using (false);

create table private.otp_spend (
  channel text not null,
  day date not null,
  spent_micros bigint not null,
  messages integer not null,
  constraint otp_spend_pkey PRIMARY KEY (channel, day)
) with (fillfactor=50);
alter table private.otp_spend enable row level security;
create policy "servers read the spend" on private.otp_spend for select to service_role using (true);
grant select on table private.otp_spend to service_role;

create table private.otp_statistics (
  kind text not null,
  area text not null,
  day date not null,
  shard integer default 0 not null,
  sent integer default 0 not null,
  verified integer default 0 not null,
  failed integer default 0 not null,
  denied integer default 0 not null,
  waiting integer default 0 not null,
  hour timestamp with time zone default date_trunc('hour'::text, now()) not null,
  hour_sent integer default 0 not null,
  hour_verified integer default 0 not null,
  hour_waiting integer default 0 not null,
  constraint otp_statistics_pkey PRIMARY KEY (kind, area, day, shard),
  constraint otp_statistics_kind_known CHECK ((kind = ANY (ARRAY['country'::text, 'prefix'::text, 'auth_country'::text, 'auth_prefix'::text])))
) with (fillfactor=50);
CREATE INDEX otp_statistics_day_idx ON private.otp_statistics USING btree (day);
alter table private.otp_statistics enable row level security;
create policy "servers read statistics" on private.otp_statistics for select to service_role using (true);
grant select on table private.otp_statistics to service_role;

create table private.otp_used_proofs (
  id uuid not null,
  expires_at timestamp with time zone not null,
  constraint otp_used_proofs_pkey PRIMARY KEY (id)
);
CREATE INDEX otp_used_proofs_expires_at_idx ON private.otp_used_proofs USING btree (expires_at);
alter table private.otp_used_proofs enable row level security;
create policy "nobody reads used proofs" on private.otp_used_proofs for select to public using (false);

create unlogged table private.presence (
  user_id uuid not null,
  last_seen_at timestamp with time zone not null,
  is_signed_out boolean default false not null,
  current_salon_id uuid,
  shown text default 'offline'::text not null,
  shown_at timestamp with time zone not null,
  constraint presence_pkey PRIMARY KEY (user_id),
  constraint presence_profile_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE
) with (fillfactor=50);
CREATE INDEX presence_shown_idx ON private.presence USING btree (user_id) WHERE (shown <> 'offline'::text);
alter table private.presence enable row level security;
create policy "nobody but the functions" on private.presence for all to public using (false);

create unlogged table private.rate_limits (
  key text not null,
  full_at timestamp with time zone not null,
  constraint rate_limits_pkey PRIMARY KEY (key),
  constraint rate_limits_key_check CHECK (((length(key) >= 1) AND (length(key) <= 300)))
) with (fillfactor=50);
alter table private.rate_limits enable row level security;
create policy "nobody reads counters" on private.rate_limits for select to public using (false);

create table private.removed_attachments (
  path text not null,
  removed_at timestamp with time zone default clock_timestamp() not null,
  due_at timestamp with time zone default clock_timestamp() not null,
  constraint removed_attachments_pkey PRIMARY KEY (path)
);
CREATE INDEX removed_attachments_due_at_idx ON private.removed_attachments USING btree (due_at);
alter table private.removed_attachments enable row level security;
create policy "nobody but the functions" on private.removed_attachments for all to public using (false);

create unlogged table private.request_counters (
  subject uuid not null,
  full_at_s double precision default 0 not null,
  function_full_at_s jsonb default '{}'::jsonb not null,
  constraint request_counters_pkey PRIMARY KEY (subject)
) with (fillfactor=50);
alter table private.request_counters enable row level security;
create policy "nobody reads counters" on private.request_counters for select to public using (false);

create table private.salon_absences (
  salon_id uuid not null,
  user_id uuid not null,
  removed_at timestamp with time zone,
  muted_until timestamp with time zone,
  constraint salon_absences_pkey PRIMARY KEY (salon_id, user_id),
  constraint salon_absences_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX salon_absences_muted_until_idx ON private.salon_absences USING btree (muted_until) WHERE (removed_at IS NULL);
CREATE INDEX salon_absences_removed_at_idx ON private.salon_absences USING btree (removed_at);
CREATE INDEX salon_absences_user_id_idx ON private.salon_absences USING btree (user_id);
alter table private.salon_absences enable row level security;
create policy "nobody but the functions" on private.salon_absences for all to public using (false);

create table private.salon_bans (
  salon_id uuid not null,
  user_id uuid not null,
  until timestamp with time zone not null,
  reason text,
  banned_by uuid,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint salon_bans_pkey PRIMARY KEY (salon_id, user_id),
  constraint salon_bans_reason_short CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 500))),
  constraint salon_bans_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX salon_bans_banned_by_idx ON private.salon_bans USING btree (banned_by);
CREATE INDEX salon_bans_until_idx ON private.salon_bans USING btree (until);
CREATE INDEX salon_bans_user_id_idx ON private.salon_bans USING btree (user_id);
alter table private.salon_bans enable row level security;
create policy "nobody but the functions" on private.salon_bans for all to public using (false);

create table private.salon_codes (
  salon_id uuid not null,
  code text not null,
  salon_made_by uuid,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint salon_codes_pkey PRIMARY KEY (salon_id),
  constraint salon_codes_code_in_groups CHECK ((code ~ '^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$'::text)),
  constraint salon_codes_code_key UNIQUE (code),
  constraint salon_codes_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX salon_codes_salon_made_by_idx ON private.salon_codes USING btree (salon_made_by);
alter table private.salon_codes enable row level security;
create policy "nobody but the functions" on private.salon_codes for all to public using (false);

create table private.salon_decisions (
  id bigint generated as identity not null,
  salon_id uuid not null,
  action text not null,
  actor_id uuid,
  subject_id uuid,
  reason text,
  details jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint salon_decisions_pkey PRIMARY KEY (id),
  constraint salon_decisions_action_plain CHECK ((action ~ '^[a-z][a-z_]{1,40}$'::text)),
  constraint salon_decisions_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX salon_decisions_actor_id_idx ON private.salon_decisions USING btree (actor_id);
CREATE INDEX salon_decisions_created_at_idx ON private.salon_decisions USING btree (created_at);
CREATE INDEX salon_decisions_salon_id_idx ON private.salon_decisions USING btree (salon_id, id);
CREATE INDEX salon_decisions_subject_id_idx ON private.salon_decisions USING btree (subject_id, salon_id, id);
alter table private.salon_decisions enable row level security;
create policy "nobody but the functions" on private.salon_decisions for all to public using (false);

create table private.salon_invitation_uses (
  invitation_id uuid not null,
  user_digest text not null,
  constraint salon_invitation_uses_pkey PRIMARY KEY (invitation_id, user_digest),
  constraint salon_invitation_uses_invitation_fkey FOREIGN KEY (invitation_id) REFERENCES private.salon_invitations(id) ON DELETE CASCADE
);
alter table private.salon_invitation_uses enable row level security;
create policy "nobody but the functions" on private.salon_invitation_uses for all to public using (false);

create table private.salon_invitations (
  id uuid default gen_random_uuid() not null,
  salon_id uuid not null,
  created_by uuid not null,
  code_digest text not null,
  max_uses integer not null,
  uses integer default 0 not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  expires_at timestamp with time zone not null,
  constraint salon_invitations_pkey PRIMARY KEY (id),
  constraint salon_invitations_code_digest_key UNIQUE (code_digest),
  constraint salon_invitations_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE,
  constraint salon_invitations_within_uses CHECK (((uses >= 0) AND (uses <= max_uses)))
);
CREATE INDEX salon_invitations_created_by_idx ON private.salon_invitations USING btree (created_by);
CREATE INDEX salon_invitations_expires_at_idx ON private.salon_invitations USING btree (expires_at);
CREATE INDEX salon_invitations_salon_id_idx ON private.salon_invitations USING btree (salon_id);
alter table private.salon_invitations enable row level security;
create policy "nobody but the functions" on private.salon_invitations for all to public using (false);

create table private.salon_reports (
  id bigint generated as identity not null,
  salon_id uuid not null,
  reporter_id uuid,
  subject_id uuid,
  message_id bigint,
  content text,
  reason text not null,
  explanation text,
  status text default 'open'::text not null,
  decided_by uuid,
  decided_at timestamp with time zone,
  note text,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint salon_reports_pkey PRIMARY KEY (id),
  constraint salon_reports_decided_once CHECK (((status = 'open'::text) = (decided_at IS NULL))),
  constraint salon_reports_explanation_short CHECK (((char_length(explanation) >= 1) AND (char_length(explanation) <= 1000))),
  constraint salon_reports_note_short CHECK (((char_length(note) >= 1) AND (char_length(note) <= 1000))),
  constraint salon_reports_reason_known CHECK ((reason = ANY (ARRAY['spam'::text, 'harassment'::text, 'hate'::text, 'violence'::text, 'sexual'::text, 'other'::text]))),
  constraint salon_reports_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE,
  constraint salon_reports_status_known CHECK ((status = ANY (ARRAY['open'::text, 'dismissed'::text, 'upheld'::text])))
);
CREATE INDEX salon_reports_created_at_idx ON private.salon_reports USING btree (created_at);
CREATE INDEX salon_reports_decided_by_idx ON private.salon_reports USING btree (decided_by);
CREATE UNIQUE INDEX salon_reports_member_once ON private.salon_reports USING btree (reporter_id, salon_id, subject_id) WHERE ((message_id IS NULL) AND (status = 'open'::text));
CREATE UNIQUE INDEX salon_reports_message_once ON private.salon_reports USING btree (reporter_id, message_id) WHERE (message_id IS NOT NULL);
CREATE INDEX salon_reports_open_idx ON private.salon_reports USING btree (id) WHERE (status = 'open'::text);
CREATE INDEX salon_reports_queue_idx ON private.salon_reports USING btree (salon_id, id) WHERE (status = 'open'::text);
CREATE INDEX salon_reports_salon_id_idx ON private.salon_reports USING btree (salon_id);
CREATE INDEX salon_reports_subject_id_idx ON private.salon_reports USING btree (subject_id);
alter table private.salon_reports enable row level security;
create policy "nobody but the functions" on private.salon_reports for all to public using (false);

create table private.salon_settings (
  id boolean default true not null,
  salons_per_user integer default 20 not null,
  memberships_per_user integer default 500 not null,
  members_per_salon integer default 10000 not null,
  invitations_per_salon integer default 50 not null,
  bans_per_salon integer default 10000 not null,
  words_per_salon integer default 200 not null,
  constraint salon_settings_pkey PRIMARY KEY (id),
  constraint salon_settings_not_negative CHECK ((LEAST(salons_per_user, memberships_per_user, members_per_salon, invitations_per_salon, bans_per_salon, words_per_salon) >= 0)),
  constraint salon_settings_one_row CHECK (id)
);
alter table private.salon_settings enable row level security;
create policy "nobody but the functions" on private.salon_settings for all to public using (false);

create table private.salon_streams (
  salon_id uuid not null,
  last_seq bigint default 0 not null,
  message_count bigint default 0 not null,
  last_message_at timestamp with time zone,
  day date,
  day_count integer default 0 not null,
  quota_full_at timestamp with time zone default now() not null,
  constraint salon_streams_pkey PRIMARY KEY (salon_id),
  constraint salon_streams_counted CHECK (((message_count >= 0) AND (message_count <= last_seq))),
  constraint salon_streams_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
) with (fillfactor=50);
alter table private.salon_streams enable row level security;
create policy "servers read streams" on private.salon_streams for select to service_role using (true);
create policy "who sees a salon sees how much is said in it" on private.salon_streams for select to authenticated using ((EXISTS ( SELECT
   FROM public.salons
  WHERE (salons.id = salon_streams.salon_id))));
grant select on table private.salon_streams to service_role;
grant select (salon_id, message_count, day, day_count) on table private.salon_streams to authenticated;

create table private.salon_words (
  salon_id uuid not null,
  word text not null,
  added_by uuid,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint salon_words_pkey PRIMARY KEY (salon_id, word),
  constraint salon_words_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE,
  constraint salon_words_word_short CHECK (((char_length(word) >= 1) AND (char_length(word) <= 50)))
);
CREATE INDEX salon_words_added_by_idx ON private.salon_words USING btree (added_by);
alter table private.salon_words enable row level security;
create policy "nobody but the functions" on private.salon_words for all to public using (false);

create table private.token_access_log (
  request_id text not null,
  id bigint generated as identity not null,
  action text not null,
  account_name text,
  key_name text not null,
  outcome text not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint token_access_log_pkey PRIMARY KEY (id),
  constraint token_access_log_action_check CHECK ((action = ANY (ARRAY['get'::text, 'rotate'::text])))
);
CREATE INDEX token_access_log_account_name ON private.token_access_log USING btree (account_name, id DESC);
CREATE TRIGGER token_access_log_append_only BEFORE UPDATE OR TRUNCATE ON private.token_access_log FOR EACH STATEMENT EXECUTE FUNCTION private.forbid_token_access_log_change();
CREATE TRIGGER token_access_log_kept BEFORE DELETE ON private.token_access_log FOR EACH ROW EXECUTE FUNCTION private.forbid_token_access_log_change();
alter table private.token_access_log enable row level security;
create policy "closed to users" on private.token_access_log for all to anon, authenticated using (false);

create table private.token_encryption_keys (
  key_id text not null,
  proof text not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint token_encryption_keys_pkey PRIMARY KEY (key_id)
);
alter table private.token_encryption_keys enable row level security;
create policy "closed to users" on private.token_encryption_keys for all to anon, authenticated using (false);

create table private.token_grant_epochs (
  wallet_id uuid not null,
  first_entry_number bigint not null,
  granted numeric not null,
  allotted_to numeric not null,
  constraint token_grant_epochs_pkey PRIMARY KEY (wallet_id, first_entry_number)
);
alter table private.token_grant_epochs enable row level security;
create policy "nobody but the functions" on private.token_grant_epochs for all to public using (false);

create table private.token_grant_slices (
  wallet_id uuid not null,
  spent_from numeric not null,
  spent_to numeric not null,
  grant_id bigint not null,
  constraint token_grant_slices_pkey PRIMARY KEY (wallet_id, spent_to)
);
CREATE INDEX token_grant_slices_grant_id_idx ON private.token_grant_slices USING btree (grant_id);
alter table private.token_grant_slices enable row level security;
create policy "nobody but the functions" on private.token_grant_slices for all to public using (false);

create table private.token_manager_settings (
  is_only_row boolean default true not null,
  access_log_days integer default 400,
  token_expiry_lead interval default '00:15:00'::interval not null,
  constraint token_manager_settings_pkey PRIMARY KEY (is_only_row),
  constraint token_manager_settings_access_log_days_check CHECK ((access_log_days >= 30)),
  constraint token_manager_settings_is_only_row_check CHECK (is_only_row),
  constraint token_manager_settings_token_expiry_lead_check CHECK ((token_expiry_lead >= '00:00:00'::interval))
);
alter table private.token_manager_settings enable row level security;
create policy "closed to users" on private.token_manager_settings for all to anon, authenticated using (false);

create table private.token_payments (
  id bigint generated as identity not null,
  wallet_id uuid not null,
  source text,
  debt bigint default 0 not null,
  constraint token_payments_pkey PRIMARY KEY (id),
  constraint token_payments_debt_not_negative CHECK ((debt >= 0)),
  constraint token_payments_source_once UNIQUE (wallet_id, source)
);
CREATE INDEX token_payments_debt_idx ON private.token_payments USING btree (wallet_id, id) WHERE (debt > 0);
alter table private.token_payments enable row level security;
create policy "nobody but the functions" on private.token_payments for all to public using (false);

create table private.token_plans (
  plan text not null,
  request_limits jsonb not null,
  constraint token_plans_pkey PRIMARY KEY (plan),
  constraint token_plans_request_limits_are_objects CHECK (((jsonb_typeof(request_limits) = 'object'::text) AND (NOT jsonb_path_exists(request_limits, 'strict $.*?(@.type() != "object")'::jsonpath)) AND (NOT jsonb_path_exists(request_limits, '$.*?(!(((((@."quota".type() == "number" && @."quota" >= 0) && @."quota" <= 1000000000) && @."window_s".type() == "number") && @."window_s" >= 0.001) && @."window_s" <= 100000000))'::jsonpath))))
);
alter table private.token_plans enable row level security;
create policy "servers read the plans" on private.token_plans for select to service_role using (true);
grant select on table private.token_plans to service_role;

create table private.token_refunds (
  refund_id text not null,
  wallet_id uuid not null,
  request_id text not null,
  charge_entry_number bigint not null,
  charged_at timestamp with time zone not null,
  asked bigint,
  tokens bigint not null,
  balance_after bigint not null,
  reason text,
  created_at timestamp with time zone not null,
  constraint token_refunds_pkey PRIMARY KEY (refund_id),
  constraint token_refunds_tokens_positive CHECK ((tokens > 0))
);
CREATE INDEX token_refunds_charge_idx ON private.token_refunds USING btree (wallet_id, charge_entry_number);
CREATE INDEX token_refunds_charged_at_idx ON private.token_refunds USING btree (wallet_id, charged_at);
alter table private.token_refunds enable row level security;
create policy "nobody but the functions" on private.token_refunds for all to public using (false);

create table private.token_rejections (
  account_name text not null,
  source text not null,
  reason text not null,
  fingerprint text not null,
  scan_number bigint not null,
  rejected_at timestamp with time zone default clock_timestamp() not null,
  constraint token_rejections_pkey PRIMARY KEY (account_name)
);
alter table private.token_rejections enable row level security;
create policy "closed to users" on private.token_rejections for all to anon, authenticated using (false);

create table private.token_reversal_parts (
  id bigint generated as identity not null,
  payment_id bigint not null,
  grant_id bigint not null,
  tokens bigint not null,
  constraint token_reversal_parts_pkey PRIMARY KEY (id),
  constraint token_reversal_parts_tokens_positive CHECK ((tokens > 0))
);
CREATE INDEX token_reversal_parts_grant_id_idx ON private.token_reversal_parts USING btree (grant_id);
CREATE INDEX token_reversal_parts_payment_id_idx ON private.token_reversal_parts USING btree (payment_id, id);
alter table private.token_reversal_parts enable row level security;
create policy "nobody but the functions" on private.token_reversal_parts for all to public using (false);

create table private.token_reversals (
  reversal_id text not null,
  source text not null,
  wallet_id uuid,
  amount bigint not null,
  created_at timestamp with time zone default now() not null,
  constraint token_reversals_pkey PRIMARY KEY (reversal_id)
);
CREATE INDEX token_reversals_source_idx ON private.token_reversals USING btree (source, wallet_id);
CREATE INDEX token_reversals_wallet_id_idx ON private.token_reversals USING btree (wallet_id);
alter table private.token_reversals enable row level security;
create policy "nobody but the functions" on private.token_reversals for all to public using (false);

create table private.token_rollovers (
  request_id text not null,
  wallet_id uuid not null,
  digest text not null,
  rolled_over bigint not null,
  expired bigint not null,
  created_at timestamp with time zone not null,
  constraint token_rollovers_pkey PRIMARY KEY (request_id)
);
CREATE INDEX token_rollovers_wallet_id_idx ON private.token_rollovers USING btree (wallet_id);
alter table private.token_rollovers enable row level security;
create policy "nobody but the functions" on private.token_rollovers for all to public using (false);

create table private.token_settings (
  id boolean default true not null,
  lock_retention interval default '24:00:00'::interval not null,
  cleanup_page bigint default 0 not null,
  history_begins_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  refund_lifetime interval default '7 days'::interval not null,
  rollover_grace interval default '3 days'::interval not null,
  constraint token_settings_pkey PRIMARY KEY (id),
  constraint token_settings_lock_retention_at_least_a_day CHECK ((lock_retention >= '24:00:00'::interval)),
  constraint token_settings_one_row CHECK (id),
  constraint token_settings_refund_lifetime_positive CHECK ((refund_lifetime > '00:00:00'::interval)),
  constraint token_settings_rollover_grace_not_negative CHECK ((rollover_grace >= '00:00:00'::interval))
);
alter table private.token_settings enable row level security;
create policy "servers read the settings" on private.token_settings for select to service_role using (true);
grant select on table private.token_settings to service_role;

create table private.token_sync_pages (
  source text not null,
  page_number bigint generated as identity not null,
  token_numbers bigint[] not null,
  constraint token_sync_pages_pkey PRIMARY KEY (source, page_number),
  constraint token_sync_pages_source_fkey FOREIGN KEY (source) REFERENCES private.token_syncs(source) ON DELETE CASCADE
);
alter table private.token_sync_pages enable row level security;
create policy "closed to users" on private.token_sync_pages for all to anon, authenticated using (false);

create table private.token_syncs (
  source text not null,
  fence bigint default 0 not null,
  lease_until timestamp with time zone,
  scan_number bigint default 0 not null,
  next_cursor text,
  server_id text default ''::text not null,
  scan_started_at timestamp with time zone,
  completed_at timestamp with time zone,
  completed_key_count bigint,
  constraint token_syncs_pkey PRIMARY KEY (source),
  constraint token_syncs_source_check CHECK (((length(source) >= 1) AND (length(source) <= 100)))
);
alter table private.token_syncs enable row level security;
create policy "closed to users" on private.token_syncs for all to anon, authenticated using (false);

create table private.user_blocks (
  blocker_id uuid not null,
  blocked_id uuid not null,
  created_at timestamp with time zone default now() not null,
  constraint user_blocks_pkey PRIMARY KEY (blocker_id, blocked_id),
  constraint user_blocks_blocked_fkey FOREIGN KEY (blocked_id) REFERENCES public.profiles(id) ON DELETE CASCADE,
  constraint user_blocks_blocker_fkey FOREIGN KEY (blocker_id) REFERENCES public.profiles(id) ON DELETE CASCADE,
  constraint user_blocks_not_oneself CHECK ((blocker_id <> blocked_id))
);
CREATE INDEX user_blocks_blocked_id_idx ON private.user_blocks USING btree (blocked_id);
alter table private.user_blocks enable row level security;
create policy "nobody but the functions" on private.user_blocks for all to public using (false);

create table private.user_data (
  name text not null,
  forget text not null,
  export text,
  description text not null,
  constraint user_data_pkey PRIMARY KEY (name),
  constraint user_data_export_a_name CHECK ((export ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
  constraint user_data_forget_a_name CHECK ((forget ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
  constraint user_data_name_plain CHECK ((name ~ '^[a-z][a-z0-9_]{1,50}$'::text))
);
alter table private.user_data enable row level security;
create policy "servers read who keeps user data" on private.user_data for select to service_role using (true);
grant select on table private.user_data to service_role;

create table private.wallet_invitations (
  id uuid default gen_random_uuid() not null,
  wallet_id uuid not null,
  created_by uuid not null,
  request_id text,
  code_digest text not null,
  role text not null,
  monthly_cap_tokens bigint,
  email text,
  max_uses integer not null,
  uses integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  constraint wallet_invitations_pkey PRIMARY KEY (id),
  constraint wallet_invitations_code_digest_key UNIQUE (code_digest),
  constraint wallet_invitations_made_once UNIQUE (wallet_id, request_id),
  constraint wallet_invitations_role_known CHECK ((role = ANY (ARRAY['admin'::text, 'member'::text, 'viewer'::text]))),
  constraint wallet_invitations_wallet_fkey FOREIGN KEY (wallet_id) REFERENCES private.wallets(id) ON DELETE CASCADE,
  constraint wallet_invitations_within_uses CHECK (((uses >= 0) AND (uses <= max_uses)))
);
CREATE INDEX wallet_invitations_created_by_idx ON private.wallet_invitations USING btree (created_by);
CREATE INDEX wallet_invitations_expires_at_idx ON private.wallet_invitations USING btree (expires_at);
alter table private.wallet_invitations enable row level security;
create policy "nobody but the functions" on private.wallet_invitations for all to public using (false);

create table private.wallet_members (
  wallet_id uuid not null,
  user_id uuid not null,
  role text not null,
  monthly_cap_tokens bigint,
  held bigint default 0 not null,
  month date default '-infinity'::date not null,
  spent bigint default 0 not null,
  joined_at timestamp with time zone default now() not null,
  removed_at timestamp with time zone,
  removed_by uuid,
  invitation_id uuid,
  constraint wallet_members_pkey PRIMARY KEY (wallet_id, user_id),
  constraint wallet_members_numbers_sensible CHECK (((held >= 0) AND (monthly_cap_tokens >= 0))),
  constraint wallet_members_role_known CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text]))),
  constraint wallet_members_wallet_fkey FOREIGN KEY (wallet_id) REFERENCES private.wallets(id) ON DELETE CASCADE
) with (fillfactor=50);
CREATE INDEX wallet_members_user_id_idx ON private.wallet_members USING btree (user_id);
alter table private.wallet_members enable row level security;
create policy "nobody but the functions" on private.wallet_members for all to public using (false);

create table private.wallet_settings (
  id boolean default true not null,
  wallets_per_user integer default 20 not null,
  memberships_per_user integer default 100 not null,
  members_per_wallet integer default 500 not null,
  invitations_per_wallet integer default 50 not null,
  constraint wallet_settings_pkey PRIMARY KEY (id),
  constraint wallet_settings_not_negative CHECK ((LEAST(wallets_per_user, memberships_per_user, members_per_wallet, invitations_per_wallet) >= 0)),
  constraint wallet_settings_one_row CHECK (id)
);
alter table private.wallet_settings enable row level security;
create policy "nobody but the functions" on private.wallet_settings for all to public using (false);

create table private.wallets (
  id uuid default gen_random_uuid() not null,
  name text not null,
  created_by uuid not null,
  request_id text,
  created_at timestamp with time zone default now() not null,
  closed_at timestamp with time zone,
  constraint wallets_pkey PRIMARY KEY (id),
  constraint wallets_made_once UNIQUE (created_by, request_id)
);
CREATE INDEX wallets_created_by_idx ON private.wallets USING btree (created_by);
alter table private.wallets enable row level security;
create policy "nobody but the functions" on private.wallets for all to public using (false);

create table public.alert_types (
  alert_type text not null,
  scan text,
  lost_without_receiver text,
  description text not null,
  constraint alert_types_pkey PRIMARY KEY (alert_type),
  constraint alert_types_scan_a_name CHECK ((scan ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
  constraint alert_types_type_plain CHECK ((alert_type ~ '^[a-z][a-z0-9_]{2,50}$'::text))
);
alter table public.alert_types enable row level security;
create policy "servers read the types of alerts" on public.alert_types for select to service_role using (true);
grant select on table public.alert_types to service_role;

create table public.chat_messages (
  id bigint generated as identity not null,
  salon_id uuid not null,
  seq bigint not null,
  user_id uuid,
  client_id uuid not null,
  content text not null,
  reply_to_id bigint,
  reply_to_user_id uuid,
  mentions uuid[] default '{}'::uuid[] not null,
  is_deleted boolean default false not null,
  deleted_at timestamp with time zone,
  edited_at timestamp with time zone,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint chat_messages_pkey PRIMARY KEY (id),
  constraint chat_messages_client_id_key UNIQUE (user_id, client_id),
  constraint chat_messages_deleted_is_empty CHECK (((NOT is_deleted) OR ((content = ''::text) AND (mentions = '{}'::uuid[])))),
  constraint chat_messages_deleted_since CHECK ((is_deleted = (deleted_at IS NOT NULL))),
  constraint chat_messages_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE,
  constraint chat_messages_seq_key UNIQUE (salon_id, seq)
);
CREATE INDEX chat_messages_mentions_idx ON public.chat_messages USING gin (mentions) WITH (fastupdate=off) WHERE (mentions <> '{}'::uuid[]);
CREATE INDEX chat_messages_present_idx ON public.chat_messages USING btree (salon_id, seq) INCLUDE (user_id, reply_to_user_id) WHERE (NOT is_deleted);
CREATE INDEX chat_messages_reply_to_user_id_idx ON public.chat_messages USING btree (reply_to_user_id) WHERE (reply_to_user_id IS NOT NULL);
CREATE INDEX chat_messages_search_idx ON public.chat_messages USING gin (private.message_vector(salon_id, id, content)) WITH (fastupdate=off) WHERE (NOT is_deleted);
CREATE TRIGGER read_own_messages AFTER INSERT ON public.chat_messages REFERENCING NEW TABLE AS sent FOR EACH STATEMENT EXECUTE FUNCTION private.read_own_messages();
alter table public.chat_messages enable row level security;
create policy "members read the messages of their salons" on public.chat_messages for select to authenticated using (((salon_id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[])) AND ((user_id = ANY (( SELECT private.authors_not_shown() AS authors_not_shown)::uuid[])) IS NOT TRUE) AND (((reply_to_user_id = ( SELECT auth.uid() AS uid)) AND (user_id = ANY (( SELECT private.my_blocked_ids() AS my_blocked_ids)::uuid[]))) IS NOT TRUE)));
create policy "servers read messages" on public.chat_messages for select to service_role using (true);
grant select on table public.chat_messages to authenticated;
grant select on table public.chat_messages to service_role;

create table public.message_attachments (
  path text not null,
  message_id bigint not null,
  salon_id uuid not null,
  "position" integer not null,
  content_type text not null,
  size_bytes bigint not null,
  constraint message_attachments_pkey PRIMARY KEY (message_id, "position"),
  constraint message_attachments_path_key UNIQUE (path),
  constraint message_attachments_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX message_attachments_salon_id_idx ON public.message_attachments USING btree (salon_id);
CREATE TRIGGER note_removed_attachments AFTER DELETE ON public.message_attachments REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION private.note_removed_attachments();
alter table public.message_attachments enable row level security;
create policy "members see the attachments of their salons" on public.message_attachments for select to authenticated using (((salon_id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[])) AND (EXISTS ( SELECT
   FROM public.chat_messages messages
  WHERE (messages.id = message_attachments.message_id)))));
create policy "servers read attachments" on public.message_attachments for select to service_role using (true);
grant select on table public.message_attachments to authenticated;
grant select on table public.message_attachments to service_role;

create table public.message_pins (
  salon_id uuid not null,
  message_id bigint not null,
  pinned_by uuid,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint message_pins_pkey PRIMARY KEY (salon_id, message_id),
  constraint message_pins_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX message_pins_pinned_by_idx ON public.message_pins USING btree (pinned_by);
alter table public.message_pins enable row level security;
create policy "members see what is pinned in their salons" on public.message_pins for select to authenticated using ((salon_id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[])));
create policy "servers read pins" on public.message_pins for select to service_role using (true);
grant select on table public.message_pins to authenticated;
grant select on table public.message_pins to service_role;

create table public.message_reactions (
  id bigint generated as identity not null,
  message_id bigint not null,
  salon_id uuid not null,
  user_id uuid not null,
  emoji text not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint message_reactions_pkey PRIMARY KEY (id),
  constraint message_reactions_emoji_one CHECK (private.is_emoji(emoji)),
  constraint message_reactions_once UNIQUE (message_id, user_id, emoji),
  constraint message_reactions_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE INDEX message_reactions_salon_id_idx ON public.message_reactions USING btree (salon_id);
CREATE INDEX message_reactions_user_id_idx ON public.message_reactions USING btree (user_id);
alter table public.message_reactions enable row level security;
create policy "members see the reactions in their salons" on public.message_reactions for select to authenticated using (((salon_id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[])) AND (user_id <> ALL (( SELECT private.my_blocked_ids() AS my_blocked_ids)::uuid[])) AND (user_id <> ALL (( SELECT private.authors_not_shown() AS authors_not_shown)::uuid[]))));
create policy "servers read reactions" on public.message_reactions for select to service_role using (true);
grant select on table public.message_reactions to authenticated;
grant select on table public.message_reactions to service_role;

create table public.otp_codes (
  id uuid not null,
  phone_number text not null,
  purpose text not null,
  owner_id uuid,
  channel text not null,
  country text not null,
  prefix text not null,
  requester text not null,
  network text not null,
  undelivered_by text,
  code text not null,
  attempts integer default 0 not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  consumed_at timestamp with time zone,
  constraint otp_codes_pkey PRIMARY KEY (id),
  constraint otp_codes_one_per_requester UNIQUE (phone_number, purpose, requester),
  constraint otp_codes_phone_number_is_e164 CHECK ((phone_number ~ '^\+[1-9][0-9]{6,14}$'::text))
) with (fillfactor=80);
CREATE INDEX otp_codes_expires_at_idx ON public.otp_codes USING btree (expires_at);
alter table public.otp_codes enable row level security;
create policy "nobody reads codes" on public.otp_codes for select to public using (false);

create table public.profile_private (
  user_id uuid not null,
  onboarding_completed boolean default false not null,
  onboarding_answers jsonb default '{}'::jsonb not null,
  conversion_triggers jsonb default '{}'::jsonb not null,
  auto_offline_after integer default 300 not null,
  manual_status text,
  manual_until timestamp with time zone,
  constraint profile_private_pkey PRIMARY KEY (user_id),
  constraint profile_private_answers_small CHECK ((octet_length((onboarding_answers)::text) <= 16384)),
  constraint profile_private_auto_offline_sensible CHECK (((auto_offline_after >= 120) AND (auto_offline_after <= 86400))),
  constraint profile_private_end_of_a_choice CHECK (((manual_status IS NOT NULL) OR (manual_until IS NULL))),
  constraint profile_private_profile_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE,
  constraint profile_private_status_known CHECK ((manual_status = ANY (ARRAY['online'::text, 'away'::text, 'busy'::text, 'offline'::text])))
);
CREATE TRIGGER limit_changes BEFORE UPDATE OF onboarding_completed, onboarding_answers, auto_offline_after ON public.profile_private FOR EACH STATEMENT WHEN ((CURRENT_USER = 'authenticated'::name)) EXECUTE FUNCTION private.limit_profile_changes();
alter table public.profile_private enable row level security;
create policy "owners change their private part" on public.profile_private for update to authenticated using ((user_id = ( SELECT auth.uid() AS uid))) with check ((user_id = ( SELECT auth.uid() AS uid)));
create policy "owners read their private part" on public.profile_private for select to authenticated using ((user_id = ( SELECT auth.uid() AS uid)));
create policy "servers note offers" on public.profile_private for update to service_role using (true) with check (true);
create policy "servers read private parts" on public.profile_private for select to service_role using (true);
grant select on table public.profile_private to authenticated;
grant select on table public.profile_private to service_role;
grant update (onboarding_completed, onboarding_answers, auto_offline_after) on table public.profile_private to authenticated;
grant update (conversion_triggers) on table public.profile_private to service_role;

create table public.profiles (
  id uuid not null,
  full_name text,
  avatar_url text,
  cover_url text,
  bio text,
  city text,
  interests text[] default '{}'::text[] not null,
  presence_status text default 'offline'::text not null,
  status text generated always as (presence_status) stored,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint profiles_pkey PRIMARY KEY (id),
  constraint profiles_bio_short CHECK (((char_length(bio) >= 1) AND (char_length(bio) <= 500))),
  constraint profiles_city_short CHECK (((char_length(city) >= 1) AND (char_length(city) <= 80))),
  constraint profiles_full_name_short CHECK (((char_length(full_name) >= 1) AND (char_length(full_name) <= 80))),
  constraint profiles_interests_few CHECK (private.are_interests(interests)),
  constraint profiles_pictures_short CHECK (((char_length(avatar_url) <= 500) AND (char_length(cover_url) <= 500))),
  constraint profiles_presence_known CHECK ((presence_status = ANY (ARRAY['online'::text, 'away'::text, 'busy'::text, 'offline'::text]))),
  constraint profiles_user_fkey FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE
) with (fillfactor=85);
CREATE INDEX profiles_city_idx ON public.profiles USING gin (private.fold(city) extensions.gin_trgm_ops);
CREATE INDEX profiles_full_name_idx ON public.profiles USING gin (private.fold(full_name) extensions.gin_trgm_ops);
CREATE TRIGGER limit_changes BEFORE UPDATE OF full_name, bio, city, interests ON public.profiles FOR EACH STATEMENT WHEN ((CURRENT_USER = 'authenticated'::name)) EXECUTE FUNCTION private.limit_profile_changes();
CREATE TRIGGER tidy_profile BEFORE INSERT OR UPDATE OF full_name, avatar_url, cover_url, bio, city, interests ON public.profiles FOR EACH ROW EXECUTE FUNCTION private.tidy_profile();
alter table public.profiles enable row level security;
create policy "everybody reads profiles" on public.profiles for select to anon, authenticated, service_role using (true);
create policy "owners change what they show" on public.profiles for update to authenticated using ((id = ( SELECT auth.uid() AS uid))) with check ((id = ( SELECT auth.uid() AS uid)));
grant select on table public.profiles to anon;
grant select on table public.profiles to authenticated;
grant select on table public.profiles to service_role;
grant update (full_name, bio, city, interests) on table public.profiles to authenticated;

create table public.salon_members (
  salon_id uuid not null,
  user_id uuid not null,
  role text default 'member'::text not null,
  joined_at timestamp with time zone default now() not null,
  notifications_enabled boolean default true not null,
  muted_until timestamp with time zone,
  constraint salon_members_pkey PRIMARY KEY (salon_id, user_id),
  constraint salon_members_role_known CHECK ((role = ANY (ARRAY['owner'::text, 'moderator'::text, 'member'::text]))),
  constraint salon_members_salon_fkey FOREIGN KEY (salon_id) REFERENCES public.salons(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX salon_members_one_owner ON public.salon_members USING btree (salon_id) WHERE (role = 'owner'::text);
CREATE INDEX salon_members_user_id_idx ON public.salon_members USING btree (user_id);
CREATE TRIGGER begin_reading AFTER INSERT ON public.salon_members REFERENCING NEW TABLE AS new_members FOR EACH STATEMENT EXECUTE FUNCTION private.begin_reading();
CREATE TRIGGER count_gone_members AFTER DELETE ON public.salon_members REFERENCING OLD TABLE AS gone_members FOR EACH STATEMENT EXECUTE FUNCTION private.count_gone_members();
CREATE TRIGGER count_new_members AFTER INSERT ON public.salon_members REFERENCING NEW TABLE AS new_members FOR EACH STATEMENT EXECUTE FUNCTION private.count_new_members();
CREATE TRIGGER lock_my_memberships BEFORE UPDATE OF notifications_enabled ON public.salon_members FOR EACH STATEMENT WHEN ((CURRENT_USER = 'authenticated'::name)) EXECUTE FUNCTION private.lock_my_memberships();
CREATE TRIGGER tell_of_gone_members AFTER DELETE ON public.salon_members REFERENCING OLD TABLE AS changed_members FOR EACH STATEMENT EXECUTE FUNCTION private.tell_of_members();
CREATE TRIGGER tell_of_membership AFTER UPDATE OF role, muted_until ON public.salon_members FOR EACH ROW WHEN (((old.role IS DISTINCT FROM new.role) OR (old.muted_until IS DISTINCT FROM new.muted_until))) EXECUTE FUNCTION private.tell_of_membership();
CREATE TRIGGER tell_of_new_members AFTER INSERT ON public.salon_members REFERENCING NEW TABLE AS changed_members FOR EACH STATEMENT EXECUTE FUNCTION private.tell_of_members();
alter table public.salon_members enable row level security;
create policy "members choose their notifications" on public.salon_members for update to authenticated using ((user_id = ( SELECT auth.uid() AS uid))) with check ((user_id = ( SELECT auth.uid() AS uid)));
create policy "members see who is in their salons" on public.salon_members for select to authenticated using ((salon_id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[])));
create policy "servers read members" on public.salon_members for select to service_role using (true);
grant select on table public.salon_members to authenticated;
grant select on table public.salon_members to service_role;
grant update (notifications_enabled) on table public.salon_members to authenticated;

create table public.salons (
  id uuid default gen_random_uuid() not null,
  name text not null,
  description text,
  avatar_url text,
  category text,
  city text,
  color_theme text default '#8B5CF6'::text not null,
  owner_id uuid,
  visibility text default 'public'::text not null,
  is_active boolean default true not null,
  archived_at timestamp with time zone,
  deleted_at timestamp with time zone,
  member_count integer default 0 not null,
  slow_mode_s integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint salons_pkey PRIMARY KEY (id),
  constraint salons_active_until_archived CHECK ((is_active = ((archived_at IS NULL) AND (deleted_at IS NULL)))),
  constraint salons_avatar_url_short CHECK ((char_length(avatar_url) <= 500)),
  constraint salons_category_short CHECK (((char_length(category) >= 1) AND (char_length(category) <= 50))),
  constraint salons_city_short CHECK (((char_length(city) >= 1) AND (char_length(city) <= 100))),
  constraint salons_color_theme_a_color CHECK ((color_theme ~ '^#[0-9A-Fa-f]{6}$'::text)),
  constraint salons_description_short CHECK (((char_length(description) >= 1) AND (char_length(description) <= 2000))),
  constraint salons_member_count_not_negative CHECK ((member_count >= 0)),
  constraint salons_name_short CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
  constraint salons_owned_until_deleted CHECK (((owner_id IS NULL) = (deleted_at IS NOT NULL))),
  constraint salons_slow_mode_s_in_range CHECK (((slow_mode_s >= 0) AND (slow_mode_s <= 86400))),
  constraint salons_visibility_known CHECK ((visibility = ANY (ARRAY['public'::text, 'private'::text])))
) with (fillfactor=80);
CREATE INDEX salons_deleted_at_idx ON public.salons USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX salons_owner_id_idx ON public.salons USING btree (owner_id);
CREATE INDEX salons_public_category_idx ON public.salons USING btree (category, created_at DESC, id DESC) WHERE ((visibility = 'public'::text) AND is_active);
CREATE INDEX salons_public_city_category_idx ON public.salons USING btree (lower(city), category, created_at DESC, id DESC) WHERE ((visibility = 'public'::text) AND is_active);
CREATE INDEX salons_public_city_idx ON public.salons USING btree (lower(city), created_at DESC, id DESC) WHERE ((visibility = 'public'::text) AND is_active);
CREATE INDEX salons_public_idx ON public.salons USING btree (created_at DESC, id DESC) WHERE ((visibility = 'public'::text) AND is_active);
CREATE TRIGGER limit_changes BEFORE UPDATE OF name, description, category, city, color_theme, visibility ON public.salons FOR EACH STATEMENT WHEN ((CURRENT_USER = 'authenticated'::name)) EXECUTE FUNCTION private.limit_salon_changes();
CREATE TRIGGER open_stream AFTER INSERT ON public.salons FOR EACH ROW EXECUTE FUNCTION private.open_stream();
CREATE TRIGGER tell_of_salon AFTER UPDATE ON public.salons FOR EACH ROW WHEN (((((((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.avatar_url IS DISTINCT FROM new.avatar_url)) OR (old.category IS DISTINCT FROM new.category)) OR (old.city IS DISTINCT FROM new.city)) OR (old.color_theme IS DISTINCT FROM new.color_theme)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.is_active IS DISTINCT FROM new.is_active)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.slow_mode_s IS DISTINCT FROM new.slow_mode_s))) EXECUTE FUNCTION private.tell_of_salon();
CREATE TRIGGER tidy_salon BEFORE INSERT OR UPDATE OF name, description, avatar_url, category, city, color_theme, visibility ON public.salons FOR EACH ROW EXECUTE FUNCTION private.tidy_salon();
alter table public.salons enable row level security;
create policy "owners present their salon" on public.salons for update to authenticated using (((owner_id = ( SELECT auth.uid() AS uid)) AND is_active)) with check (((owner_id = ( SELECT auth.uid() AS uid)) AND is_active));
create policy "servers read salons" on public.salons for select to service_role using (true);
create policy "users see public salons and their own" on public.salons for select to authenticated using ((((visibility = 'public'::text) AND is_active) OR (id = ANY (( SELECT private.my_salon_ids() AS my_salon_ids)::uuid[]))));
grant select on table public.salons to authenticated;
grant select on table public.salons to service_role;
grant update (name, description, category, city, color_theme, visibility) on table public.salons to authenticated;

create table public.token_accounts (
  user_id uuid not null,
  plan text,
  paused_at timestamp with time zone,
  pause_reason text,
  daily_cap_tokens bigint,
  monthly_cap_tokens bigint,
  day date default '-infinity'::date not null,
  spent_before_day numeric default 0 not null,
  month date default '-infinity'::date not null,
  spent_before_month numeric default 0 not null,
  forgotten_at timestamp with time zone,
  constraint token_accounts_pkey PRIMARY KEY (user_id),
  constraint token_accounts_caps_not_negative CHECK (((daily_cap_tokens >= 0) AND (monthly_cap_tokens >= 0))),
  constraint token_accounts_plan_fkey FOREIGN KEY (plan) REFERENCES private.token_plans(plan)
);
CREATE INDEX token_accounts_plan_idx ON public.token_accounts USING btree (plan);
alter table public.token_accounts enable row level security;
create policy "owners and members read the account" on public.token_accounts for select to authenticated using (((user_id = ( SELECT auth.uid() AS uid)) OR (user_id = ANY (( SELECT private.shared_wallets() AS shared_wallets)::uuid[]))));
grant select on table public.token_accounts to authenticated;
grant select on table public.token_accounts to service_role;

create table public.token_anomalies (
  id bigint generated as identity not null,
  user_id uuid not null,
  anomaly_type text not null,
  severity text not null,
  occurrence text not null,
  details jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  resolved_at timestamp with time zone,
  constraint token_anomalies_pkey PRIMARY KEY (id),
  constraint token_anomalies_recorded_once UNIQUE (user_id, anomaly_type, occurrence),
  constraint token_anomalies_severity_known CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'critical'::text])))
);
CREATE INDEX token_anomalies_created_at_idx ON public.token_anomalies USING brin (created_at) WITH (autosummarize='on');
CREATE INDEX token_anomalies_day_idx ON public.token_anomalies USING btree (user_id, anomaly_type, (((created_at AT TIME ZONE 'UTC'::text))::date));
CREATE INDEX token_anomalies_open_idx ON public.token_anomalies USING btree (anomaly_type, severity) WHERE (resolved_at IS NULL);
CREATE TRIGGER token_anomalies_alert AFTER INSERT ON public.token_anomalies FOR EACH ROW EXECUTE FUNCTION private.alert_of_token_anomaly();
CREATE TRIGGER token_anomalies_apply_rule AFTER INSERT ON public.token_anomalies FOR EACH ROW EXECUTE FUNCTION private.apply_anomaly_rule();
alter table public.token_anomalies enable row level security;
create policy "owners read their anomalies" on public.token_anomalies for select to authenticated using ((user_id = ( SELECT auth.uid() AS uid)));
grant select on table public.token_anomalies to authenticated;
grant select on table public.token_anomalies to service_role;

create table public.token_balance_history (
  user_id uuid not null,
  entry_number bigint not null,
  delta bigint not null,
  balance_after bigint not null,
  created_at timestamp with time zone not null,
  operation_type text not null,
  request_id text,
  metadata jsonb,
  chain bytea not null,
  actor_id uuid
) partition by RANGE (created_at);
CREATE INDEX token_balance_history_created_at_idx ON ONLY public.token_balance_history USING brin (created_at) WITH (autosummarize='on');
CREATE TRIGGER token_balance_history_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.token_balance_history FOR EACH STATEMENT EXECUTE FUNCTION private.forbid_token_history_change();
alter table public.token_balance_history enable row level security;
create policy "owners and members read the history" on public.token_balance_history for select to authenticated using (((user_id = ( SELECT auth.uid() AS uid)) OR (user_id = ANY (( SELECT private.shared_wallets() AS shared_wallets)::uuid[]))));
grant select on table public.token_balance_history to authenticated;
grant select on table public.token_balance_history to service_role;

create table public.token_balances (
  user_id uuid not null,
  balance bigint default 0 not null,
  held bigint default 0 not null,
  granted numeric default 0 not null,
  entry_count bigint default 0 not null,
  chain bytea,
  previous_chain bytea,
  is_closed boolean default false not null,
  next_expiry_at timestamp with time zone default 'infinity'::timestamp with time zone not null,
  debt bigint default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  watched_until timestamp with time zone,
  change_number bigint default 0 not null,
  constraint token_balances_pkey PRIMARY KEY (user_id),
  constraint token_balances_held_within_balance CHECK (((0 <= held) AND (held <= balance))),
  constraint token_balances_tell TRIGGER DEFERRABLE INITIALLY DEFERRED
) with (fillfactor=50);
CREATE CONSTRAINT TRIGGER token_balances_tell AFTER UPDATE OF balance, held ON public.token_balances DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.watched_until IS NOT NULL)) EXECUTE FUNCTION private.tell_balance();
alter table public.token_balances enable row level security;
create policy "owners and members read the balance" on public.token_balances for select to authenticated using (((user_id = ( SELECT auth.uid() AS uid)) OR (user_id = ANY (( SELECT private.shared_wallets() AS shared_wallets)::uuid[]))));
grant select on table public.token_balances to authenticated;
grant select on table public.token_balances to service_role;

create table public.token_consumption_locks (
  user_id uuid not null,
  run_id uuid,
  actor_id uuid,
  amount bigint not null,
  charged bigint,
  balance_after bigint,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  attempt integer default 1 not null,
  status public.token_lock_status not null,
  request_id text not null,
  operation_type text not null,
  fingerprint text,
  metadata jsonb,
  response text,
  constraint token_consumption_locks_pkey PRIMARY KEY (request_id)
);
CREATE INDEX token_consumption_locks_open_holds_idx ON public.token_consumption_locks USING btree (user_id, expires_at) WHERE (status = 'held'::public.token_lock_status);
CREATE INDEX token_consumption_locks_released_idx ON public.token_consumption_locks USING btree (expires_at) WHERE (status = 'released'::public.token_lock_status);
CREATE INDEX token_consumption_locks_user_id_idx ON public.token_consumption_locks USING btree (user_id);
alter table public.token_consumption_locks enable row level security;
create policy "who asked reads the request" on public.token_consumption_locks for select to authenticated using ((((user_id = ( SELECT auth.uid() AS uid)) OR (user_id = ANY (( SELECT private.once_shared_wallets() AS once_shared_wallets)::uuid[]))) AND (COALESCE(actor_id, user_id) = ( SELECT auth.uid() AS uid))));
grant select on table public.token_consumption_locks to authenticated;
grant select on table public.token_consumption_locks to service_role;

create table public.token_grants (
  id bigint generated as identity not null,
  wallet_id uuid not null,
  kind public.token_grant_kind not null,
  priority integer not null,
  amount bigint not null,
  remaining bigint default 0 not null,
  refunded bigint default 0 not null,
  expired bigint default 0 not null,
  reversed bigint default 0 not null,
  rolled_over bigint default 0 not null,
  effective_at timestamp with time zone not null,
  expires_at timestamp with time zone default 'infinity'::timestamp with time zone not null,
  renewed_at timestamp with time zone,
  entry_number bigint,
  source text,
  request_id text,
  metadata jsonb,
  created_at timestamp with time zone default now() not null,
  constraint token_grants_pkey PRIMARY KEY (id),
  constraint token_grants_amounts_not_negative CHECK (((amount >= 0) AND (remaining >= 0) AND (refunded >= 0) AND (expired >= 0) AND (reversed >= 0) AND (rolled_over >= 0))),
  constraint token_grants_end_after_begin CHECK ((expires_at >= effective_at)),
  constraint token_grants_entry_number_once UNIQUE (wallet_id, entry_number)
);
CREATE INDEX token_grants_begin_idx ON public.token_grants USING btree (effective_at, wallet_id) WHERE (entry_number IS NULL);
CREATE INDEX token_grants_end_idx ON public.token_grants USING btree (expires_at) WHERE (remaining > 0);
CREATE INDEX token_grants_order_idx ON public.token_grants USING btree (wallet_id, priority, expires_at, kind, entry_number) WHERE (remaining > 0);
CREATE INDEX token_grants_pending_idx ON public.token_grants USING btree (wallet_id, effective_at, id) WHERE (entry_number IS NULL);
CREATE INDEX token_grants_source_idx ON public.token_grants USING btree (source, wallet_id) WHERE (source IS NOT NULL);
alter table public.token_grants enable row level security;
create policy "owners read their grants" on public.token_grants for select to authenticated using ((wallet_id = ( SELECT auth.uid() AS uid)));
grant select on table public.token_grants to authenticated;
grant select on table public.token_grants to service_role;

create table public.token_key_mappings (
  id uuid default gen_random_uuid() not null,
  main_account text not null,
  redis_key text not null,
  key_type text not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint token_key_mappings_pkey PRIMARY KEY (id),
  constraint token_key_mappings_key_type_check CHECK ((key_type = ANY (ARRAY['main'::text, 'sub_account'::text, 'auth'::text]))),
  constraint token_key_mappings_redis_key_key UNIQUE (redis_key)
);
CREATE INDEX token_key_mappings_main_account ON public.token_key_mappings USING btree (main_account);
alter table public.token_key_mappings enable row level security;
create policy "closed to users" on public.token_key_mappings for all to anon, authenticated using (false);

create table public.tokens (
  key text not null,
  token_data jsonb,
  expires_at timestamp with time zone,
  fence bigint,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint tokens_pkey PRIMARY KEY (key),
  constraint tokens_encrypted CHECK (((jsonb_typeof(token_data) = 'string'::text) AND ((token_data #>> '{}'::text[]) ~~ 't1.%'::text))),
  constraint tokens_key_length CHECK (((length(key) >= 1) AND (length(key) <= 300)))
);
CREATE INDEX tokens_buried_idx ON public.tokens USING btree (updated_at) WHERE (token_data IS NULL);
CREATE INDEX tokens_expires_at_idx ON public.tokens USING btree (expires_at) WHERE (expires_at IS NOT NULL);
alter table public.tokens enable row level security;
create policy "closed to users" on public.tokens for all to anon, authenticated using (false);

create table public.tradovate_tokens (
  id uuid default gen_random_uuid() not null,
  account_name text not null,
  main_account text not null,
  token_type text not null,
  access_token text not null,
  token_length integer not null,
  expires_at timestamp with time zone,
  created_at timestamp with time zone default clock_timestamp() not null,
  updated_at timestamp with time zone default clock_timestamp() not null,
  is_active boolean default true not null,
  metadata jsonb default '{}'::jsonb not null,
  source text not null,
  token_number bigint generated as identity not null,
  fingerprint text not null,
  expiry_source text not null,
  inactive_reason text,
  key_id text generated always as (split_part(access_token, '.'::text, 2)) stored not null,
  constraint tradovate_tokens_pkey PRIMARY KEY (id),
  constraint tradovate_tokens_access_token_check CHECK ((access_token ~~ 't1.%.%'::text)),
  constraint tradovate_tokens_account_name_check CHECK (((account_name ~ '^[A-Za-z0-9_.:@-]+$'::text) AND (length(account_name) <= 200))),
  constraint tradovate_tokens_account_name_key UNIQUE (account_name) INCLUDE (token_number, source, fingerprint, is_active, expires_at, expiry_source, inactive_reason),
  constraint tradovate_tokens_expiry_source_check CHECK ((expiry_source = ANY (ARRAY['jwt'::text, 'field'::text, 'ttl'::text, 'none'::text]))),
  constraint tradovate_tokens_inactive_reason_check CHECK ((inactive_reason = ANY (ARRAY['expired'::text, 'gone'::text, 'operator'::text]))),
  constraint tradovate_tokens_token_length_check CHECK ((token_length > 0)),
  constraint tradovate_tokens_token_number_key UNIQUE (token_number),
  constraint tradovate_tokens_token_type_check CHECK ((token_type = ANY (ARRAY['bearer'::text, 'auth'::text])))
) with (fillfactor=90);
CREATE INDEX tradovate_tokens_active_expires_at ON public.tradovate_tokens USING btree (expires_at) WHERE is_active;
CREATE INDEX tradovate_tokens_active_main_account ON public.tradovate_tokens USING btree (main_account) WHERE is_active;
CREATE INDEX tradovate_tokens_active_updated_at ON public.tradovate_tokens USING btree (updated_at DESC) WHERE is_active;
alter table public.tradovate_tokens enable row level security;
create policy "closed to users" on public.tradovate_tokens for all to anon, authenticated using (false);

create table public.user_phones (
  user_id uuid not null,
  phone text not null,
  verified_at timestamp with time zone not null,
  constraint user_phones_pkey PRIMARY KEY (user_id),
  constraint user_phones_phone_key UNIQUE (phone),
  constraint user_phones_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE
);
alter table public.user_phones enable row level security;
create policy "users read their phone" on public.user_phones for select to authenticated using ((user_id = ( SELECT auth.uid() AS uid)));
grant select on table public.user_phones to authenticated;
grant select on table public.user_phones to service_role;

create table token_history.anchors (
  made_at timestamp with time zone not null,
  part_number integer not null,
  lines text not null,
  digest bytea not null,
  constraint anchors_pkey PRIMARY KEY (made_at, part_number)
);

create table token_history.grant_openings (
  user_id uuid not null,
  entry_number bigint not null,
  kind public.token_grant_kind not null,
  priority integer not null,
  expires_at timestamp with time zone not null,
  remaining bigint not null,
  constraint grant_openings_pkey PRIMARY KEY (user_id, entry_number)
);

create table token_history.openings (
  user_id uuid not null,
  entry_number bigint not null,
  balance bigint not null,
  granted numeric not null,
  chain bytea not null,
  constraint openings_pkey PRIMARY KEY (user_id)
);

create view public.chat_messages_with_profiles with (security_invoker=true) as
 SELECT messages.id,
    messages.content,
    messages.created_at,
    messages.user_id,
    profiles.full_name,
    profiles.avatar_url,
    messages.salon_id,
    messages.seq,
    messages.reply_to_id,
    messages.mentions,
    messages.edited_at
   FROM (public.chat_messages messages
     LEFT JOIN public.profiles ON ((profiles.id = messages.user_id)))
  WHERE (NOT messages.is_deleted);
grant select on table public.chat_messages_with_profiles to authenticated;
grant select on table public.chat_messages_with_profiles to service_role;

create view public.job_status with (security_invoker=true) as
 SELECT jobs.name,
        CASE
            WHEN (NOT jobs.is_enabled) THEN 'disabled'::text
            WHEN ((jobs.kind = 'sql'::text) AND (to_regproc(jobs.command) IS NULL)) THEN 'missing'::text
            WHEN (newest.id IS NULL) THEN 'waiting'::text
            ELSE COALESCE(newest.outcome, 'running'::text)
        END AS state,
    (jobs.is_enabled AND ((now() - COALESCE(done.ended_at, jobs.created_at)) > jobs.overdue_after)) AS is_overdue,
    newest.started_at AS last_started_at,
    done.ended_at AS last_done_at,
    ((EXTRACT(epoch FROM (ended.ended_at - ended.started_at)) * (1000)::numeric))::bigint AS last_duration_ms,
    ended.outcome AS last_outcome,
    ended.result AS last_result,
    ended.error AS last_error,
    jobs.schedule,
    jobs.kind,
    jobs.command,
    jobs.timeout_ms,
    jobs.overdue_after,
    jobs.description
   FROM (((private.jobs
     LEFT JOIN LATERAL ( SELECT job_runs.job_name,
            job_runs.id,
            job_runs.started_at,
            job_runs.ends_by,
            job_runs.ended_at,
            job_runs.outcome,
            job_runs.result,
            job_runs.error,
            job_runs.backend_pid,
            job_runs.backend_started_at,
            job_runs.http_request_id
           FROM private.job_runs
          WHERE (job_runs.job_name = jobs.name)
          ORDER BY job_runs.id DESC
         LIMIT 1) newest ON (true))
     LEFT JOIN LATERAL ( SELECT job_runs.job_name,
            job_runs.id,
            job_runs.started_at,
            job_runs.ends_by,
            job_runs.ended_at,
            job_runs.outcome,
            job_runs.result,
            job_runs.error,
            job_runs.backend_pid,
            job_runs.backend_started_at,
            job_runs.http_request_id
           FROM private.job_runs
          WHERE ((job_runs.job_name = jobs.name) AND (job_runs.ended_at IS NOT NULL))
          ORDER BY job_runs.id DESC
         LIMIT 1) ended ON (true))
     LEFT JOIN LATERAL ( SELECT job_runs.job_name,
            job_runs.id,
            job_runs.started_at,
            job_runs.ends_by,
            job_runs.ended_at,
            job_runs.outcome,
            job_runs.result,
            job_runs.error,
            job_runs.backend_pid,
            job_runs.backend_started_at,
            job_runs.http_request_id
           FROM private.job_runs
          WHERE ((job_runs.job_name = jobs.name) AND (job_runs.outcome = ANY (ARRAY['succeeded'::text, 'problem'::text])))
          ORDER BY job_runs.id DESC
         LIMIT 1) done ON (true));
grant select on table public.job_status to service_role;

create view public.my_profile with (security_invoker=true) as
 SELECT profiles.id,
    profiles.full_name,
    profiles.avatar_url,
    profiles.cover_url,
    profiles.bio,
    profiles.city,
    profiles.interests,
    presence.presence_status AS status,
    presence.presence_status,
    COALESCE(((own.manual_status IS NOT NULL) AND COALESCE((own.manual_until > now()), true)), false) AS is_manual_status,
    own.manual_status,
    own.manual_until,
    own.auto_offline_after,
    presence.last_activity,
    presence.status_updated_at,
    presence.current_salon_id,
    own.onboarding_completed,
    own.onboarding_answers,
    own.conversion_triggers,
    profiles.created_at,
    profiles.updated_at
   FROM ((public.profiles
     JOIN public.profile_private own ON ((own.user_id = profiles.id)))
     CROSS JOIN private.my_presence() presence(presence_status, last_activity, status_updated_at, current_salon_id))
  WHERE (profiles.id = ( SELECT auth.uid() AS uid));
grant select on table public.my_profile to authenticated;

create view public.my_salons with (security_invoker=true) as
 SELECT salons.id,
    salons.name,
    salons.description,
    salons.avatar_url,
    salons.category,
    salons.city,
    salons.color_theme,
    salons.owner_id,
    codes.share_code,
    salons.visibility,
    salons.is_active,
    salons.archived_at,
    salons.member_count,
    salons.slow_mode_s,
    salons.created_at,
    salons.updated_at,
    members.role,
    members.joined_at,
    members.notifications_enabled,
    members.muted_until,
    activity.message_count,
    activity.last_message_at,
    activity.last_seq,
    activity.last_read_seq,
    activity.unread_count,
    activity.last_seen_at
   FROM (((public.salon_members members
     JOIN public.salons ON ((salons.id = members.salon_id)))
     LEFT JOIN private.my_salon_codes() codes(salon_id, share_code) ON ((codes.salon_id = members.salon_id)))
     LEFT JOIN private.my_salon_activity() activity(salon_id, message_count, last_message_at, last_seq, last_read_seq, unread_count, last_seen_at) ON ((activity.salon_id = members.salon_id)))
  WHERE (members.user_id = ( SELECT auth.uid() AS uid));
grant select on table public.my_salons to authenticated;

create view public.salons_with_details with (security_invoker=true) as
 SELECT salons.id,
    salons.name,
    salons.description,
    salons.avatar_url,
    salons.category,
    salons.city,
    salons.color_theme,
    salons.owner_id,
    codes.share_code,
    salons.visibility,
    salons.is_active,
    salons.archived_at,
    salons.member_count,
    salons.slow_mode_s,
    salons.created_at,
    salons.updated_at,
    owners.full_name AS owner_name,
    owners.avatar_url AS owner_avatar,
    salons.member_count AS actual_member_count,
    streams.message_count,
        CASE
            WHEN (streams.day = ((now() AT TIME ZONE 'UTC'::text))::date) THEN streams.day_count
            ELSE 0
        END AS messages_today
   FROM (((public.salons
     LEFT JOIN private.salon_streams streams ON ((streams.salon_id = salons.id)))
     LEFT JOIN public.profiles owners ON ((owners.id = salons.owner_id)))
     LEFT JOIN private.my_salon_codes() codes(salon_id, share_code) ON ((codes.salon_id = salons.id)));
grant select on table public.salons_with_details to authenticated;

create function files.has_room(p_user_id text, p_bytes bigint) returns boolean language plpgsql volatile security definer set search_path=""; -- body d8cfc8e056d6d82b

create function files.may_upload() returns boolean language plpgsql volatile security definer set search_path=""; -- body aa47405410e8f1a6
grant execute on function files.may_upload() to authenticated;

create function files.refuse_without_room() returns trigger language plpgsql volatile security definer set search_path=""; -- body ca4f5658c4687079

create function job_runner.ask_function(p_job private.jobs, p_run_id bigint) returns text language plpgsql volatile set search_path=""; -- body 72b498dd4840cc1a

create function job_runner.collect_answers() returns integer language plpgsql volatile set search_path=""; -- body eee1710262cc13e6

create function job_runner.cron_values(p_field text, p_first integer, p_last integer) returns integer[] language sql immutable set search_path=""; -- body ea568ab8f50889d6

create function job_runner.due_jobs(p_grace interval DEFAULT '00:00:00'::interval, p_name text DEFAULT NULL::text) returns SETOF text language sql volatile set search_path=""; -- body d47b3234d0b7a052

create function job_runner.ensure_extension(p_name text, p_schema text DEFAULT NULL::text) returns text language plpgsql volatile set search_path=""; -- body dcc044d96e201351

create function job_runner.finish_http_run(p_run_id bigint, p_status integer, p_body text, p_failure text DEFAULT NULL::text, p_ended_at timestamp with time zone DEFAULT clock_timestamp()) returns boolean language plpgsql volatile set search_path=""; -- body ca611be33e25ce88

create function job_runner.finish_run(p_run_id bigint, p_result jsonb, p_error text DEFAULT NULL::text, p_ended_at timestamp with time zone DEFAULT clock_timestamp()) returns boolean language plpgsql volatile set search_path=""; -- body 73f2f50379e4ee89

create function job_runner.is_alive(p_run private.job_runs) returns boolean language sql volatile set search_path=""; -- body a3127af222473ec5

create function job_runner.latest_time(p_schedule text, p_at timestamp with time zone) returns timestamp with time zone language plpgsql immutable set search_path=""; -- body 8a158211c3dad46d

create function job_runner.reap_runs() returns void language plpgsql volatile set search_path=""; -- body 0afce859fee3b56b

create procedure job_runner.run(IN p_name text, IN p_only_due interval DEFAULT NULL::interval) language plpgsql volatile; -- body 72807b458f7f10e4

create function job_runner.start_run(p_name text, p_is_outside boolean DEFAULT false, p_only_due interval DEFAULT NULL::interval) returns private.job_runs language plpgsql volatile set search_path=""; -- body afdbc0e6509dfc85

create function job_runner.try_step(p_job private.jobs, p_result jsonb) returns jsonb language plpgsql volatile set search_path=""; -- body 5e4c2ad6be1b5bb2

create procedure job_runner.watch(IN p_grace interval DEFAULT '00:01:30'::interval) language plpgsql volatile; -- body 09d0776c504905e0

create function metrics.bounded(p_name text, p_label_values text[], p_limit bigint) returns text[] language sql stable set search_path=""; -- body 386ef6cfeab0ca07

create function metrics.count_ledger(p_from timestamp with time zone, p_until timestamp with time zone) returns TABLE(name text, label_values text[], count bigint, tokens numeric) language plpgsql stable set search_path=""; -- body 67927dd4b30c9941

create function metrics.label_value(p_text text) returns text language sql immutable set search_path=""; -- body 59c96a1a087181c2

create function metrics.ledger_samples() returns jsonb language plpgsql stable set search_path=""; -- body ab7059789f1efb31

create function private.admit_to_salon(p_salon_id uuid, p_share_code text, p_invitation_id uuid) returns jsonb language plpgsql volatile set search_path=""; -- body 8d91d5aeae89f496

create function private.alert_of_token_anomaly() returns trigger language plpgsql volatile security definer set search_path=""; -- body ac1e1b5504a28472

create function private.allot_to_grants(p_wallet_id uuid, p_spent numeric, p_lived_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) returns jsonb language plpgsql volatile set search_path=""; -- body 414934f3f92804f9

create function private.anchor_token_ledger() returns jsonb language plpgsql volatile security definer set search_path=""; -- body 45b6cf7fd1f84504

create function private.anomalies_about_ledger() returns text[] language sql immutable set search_path=""; -- body 2d427879ce935153

create function private.anomaly_window(p_time_window interval, p_at timestamp with time zone) returns timestamp with time zone language sql immutable set search_path=""; -- body 729852ad08e8fe95

create function private.answer_at_door(p_salon public.salons, p_share_code text, p_invitation_id uuid) returns jsonb language plpgsql volatile set search_path=""; -- body 05a755cb22a6a19b

create function private.answer_known_request(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text, p_metadata jsonb, p_run_id uuid, p_is_counted boolean, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body bbb9ce7ed074a64a

create function private.apply_anomaly_rule() returns trigger language plpgsql volatile security definer set search_path=""; -- body 20e8cb0663ea09ad

create function private.apply_due_grant_events(p_limit integer DEFAULT 100) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d2b5de1215b90b20

create function private.apply_grant_events(p_wallet_id uuid, p_now timestamp with time zone) returns public.token_balances language plpgsql volatile set search_path=""; -- body 27694c1db0f10274

create function private.apply_grant_events_until(p_wallet_id uuid, p_until timestamp with time zone) returns void language plpgsql volatile set search_path=""; -- body 03f7e2072844498d

create function private.archive_messages(p_limit integer DEFAULT 5000) returns integer language plpgsql volatile security definer set search_path=""; -- body 07a18b2af9bcd0af

create function private.archive_token_history(p_before date) returns jsonb language plpgsql volatile security definer set search_path="" set lock_timeout=2s; -- body 2d17d76d5c62a347

create function private.are_interests(p_interests text[]) returns boolean language plpgsql immutable set search_path=""; -- body c4d40a1222c96690
grant execute on function private.are_interests(p_interests text[]) to authenticated;

create function private.attach(p_message_id bigint, p_salon_id uuid, p_paths text[]) returns void language sql volatile security definer set search_path=""; -- body ff45c895a25e5305

create function private.attachments_have_room(p_user_id text, p_bytes bigint) returns boolean language plpgsql volatile security definer set search_path=""; -- body 92eef85a13b42a99

create function private.audit_community() returns jsonb language plpgsql stable security definer set search_path=""; -- body 64095e1d45a86971

create function private.audit_token_ledger() returns jsonb language plpgsql volatile security definer set search_path=""; -- body 7efdfaa5bfd78b7f

create function private.authors_not_shown() returns uuid[] language sql stable security definer set search_path=""; -- body 20fd362c5862152e
grant execute on function private.authors_not_shown() to authenticated;

create function private.begin_decision(p_salon_id uuid, p_member_id uuid, p_reason text DEFAULT NULL::text, p_duration_s integer DEFAULT NULL::integer) returns jsonb language plpgsql volatile set search_path=""; -- body 5096303e9fe16313

create function private.begin_grant(p_grant_id bigint, p_operation_type text DEFAULT 'grant'::text) returns void language plpgsql volatile set search_path=""; -- body ba5737ded065e3c2

create function private.begin_reading() returns trigger language plpgsql volatile security definer set search_path=""; -- body 6116b141fed2cd34

create function private.begin_report(p_reason text, p_explanation text) returns jsonb language plpgsql volatile set search_path=""; -- body 86b3a3f3ff7a758e

create function private.begin_salon_call(p_name text, p_quota integer, p_window_s integer) returns jsonb language plpgsql volatile set search_path=""; -- body 46cb28ff6448a230

create function private.begin_with_role(p_salon_id uuid, p_roles text[]) returns jsonb language plpgsql volatile set search_path=""; -- body 889c60d402d0edcb

create function private.can_attach(p_salon_id uuid, p_paths text[]) returns boolean language plpgsql volatile security definer set search_path=""; -- body ba514d9b4f1a9dce

create function private.catch_up_wallet(p_wallet_id uuid, p_now timestamp with time zone) returns public.token_balances language plpgsql volatile set search_path=""; -- body 86328676a1b51482

create function private.chain_token_entries(p_entries public.token_balance_history[]) returns SETOF public.token_balance_history language plpgsql immutable set search_path=""; -- body dee02ff23d323e5f

create function private.change_presence(p_user_id uuid, p_is_signed_out boolean) returns jsonb language plpgsql volatile set search_path=""; -- body 4ed93b01c703680b

create function private.charge_of_request(p_request_id text, p_wallet_id uuid) returns public.token_balance_history language plpgsql stable set search_path=""; -- body 8c2ea328743063a1

create function private.cleanup_alert_outbox(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body db9ad612dd7ff5df

create function private.cleanup_alerts(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body bb10c4c5ddce08bf

create function private.cleanup_caller_networks(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 0fd1e766e0fade6c

create function private.cleanup_expired_locks_step(p_step_pages integer DEFAULT 1000) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 116be09bd12e0fe7

create function private.cleanup_expired_otps(p_limit integer DEFAULT 10000) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d666342ff67c14d5

create function private.cleanup_oauth_tokens(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 76446627047f2a46

create function private.cleanup_rate_limits(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 2eecc625813acded

create function private.cleanup_request_counters(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 91590cc9d47ceeb4

create function private.cleanup_salon_admissions(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body fa0e39810280aa70

create function private.cleanup_salon_decisions(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body f91ae1b4d26955a4

create function private.cleanup_salon_reports(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body a197afb0bf5c080b

create function private.cleanup_wallet_invitations(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 548cad9275e33a64

create function private.close_doors_of(p_wallet_id uuid, p_user_id uuid, p_role text) returns void language sql volatile set search_path=""; -- body ee150776ab3fa1b8

create function private.close_report(p_report_id bigint, p_decision text, p_note text, p_decided_by uuid) returns boolean language plpgsql volatile set search_path=""; -- body 1d806dc5798621e5

create function private.close_salon_of(p_salon_id uuid) returns void language plpgsql volatile set search_path=""; -- body c9cdcf6643a6ae8a

create function private.close_wallet_of(p_wallet_id uuid) returns void language plpgsql volatile set search_path=""; -- body 42c8d8bfff7a313d

create function private.code_in_groups(p_code text) returns text language sql immutable set search_path=""; -- body 6c0785d4797f52e5

create function private.community_done(p_more jsonb DEFAULT '{}'::jsonb) returns jsonb language sql immutable set search_path=""; -- body f844e41e762f42ea

create function private.community_limit(p_user_id uuid, p_name text, p_quota integer, p_window_s integer) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 207f75b1a2bdd860

create function private.community_refusal(p_error text, p_message text) returns jsonb language sql immutable set search_path=""; -- body da3115abcde40f51

create function private.count_gone_members() returns trigger language plpgsql volatile security definer set search_path=""; -- body b29be37db71d187b

create function private.count_new_members() returns trigger language plpgsql volatile security definer set search_path=""; -- body 04c0fc6765c18a35

create function private.count_otp(p_channel text, p_country text, p_prefix text, p_now timestamp with time zone, p_sent integer DEFAULT 0, p_verified integer DEFAULT 0, p_failed integer DEFAULT 0, p_denied integer DEFAULT 0, p_waiting integer DEFAULT 0, p_counts_for text[] DEFAULT '{}'::text[]) returns void language plpgsql volatile security definer set search_path=""; -- body 1a6d3e473865aff7

create function private.count_unread(p_user_id uuid, p_salon_id uuid, p_after bigint, p_hidden uuid[], p_blocked uuid[]) returns integer language sql stable set search_path=""; -- body 81bde32a21ce79bc

create function private.count_user_failure(p_user_id uuid, p_kind text) returns void language plpgsql volatile security definer set search_path=""; -- body d79a77933b6880c6

create function private.cut_off_author(p_user_id uuid, p_limit integer) returns integer language plpgsql volatile security definer set search_path=""; -- body 5eefcac7dbefc5e4

create function private.cut_off_authors() returns integer language plpgsql volatile security definer set search_path=""; -- body d5bf2021201f91fa

create function private.deny_otp(p_error text, p_reasons text[], p_retry_after_s numeric, p_decision jsonb, p_network_limits jsonb, p_now timestamp with time zone, p_details jsonb DEFAULT '{}'::jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8ccbebc525f4dc9a

create function private.describe_messages(p_ids bigint[]) returns jsonb language plpgsql stable security definer set search_path=""; -- body 78fdbef75618ddc9

create function private.description_of_grant(p_kind public.token_grant_kind, p_priority integer, p_expires_at timestamp with time zone) returns jsonb language plpgsql stable set search_path=""; -- body b35d0b6ccca3e1f2

create function private.digest_of_code(p_code text) returns text language sql immutable set search_path=""; -- body ee7902235b23a1c6

create function private.emit_alert(p_type text, p_key text, p_payload jsonb, p_dedupe_key text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 9a83d48d4452e2da

create function private.emit_low_balance_alert(p_wallet_id uuid, p_balance bigint, p_threshold bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body f46511b87eaa606e

create function private.empty_message(p_message public.chat_messages) returns void language plpgsql volatile set search_path=""; -- body 9348f895cbfcb23d

create function private.end_after(p_duration_s integer) returns timestamp with time zone language sql volatile set search_path=""; -- body 4be6cb506da54447

create function private.end_grant_event(p_wallet_id uuid, p_now timestamp with time zone) returns public.token_balances language plpgsql volatile set search_path=""; -- body 56ac0c2fb21a1183

create function private.end_member_hold(p_wallet_id uuid, p_actor_id uuid, p_released bigint, p_charged bigint, p_at timestamp with time zone) returns void language plpgsql volatile security definer set search_path=""; -- body 8b8ae19825dfcfbd

create function private.end_membership(p_wallet_id uuid, p_user_id uuid, p_removed_by uuid) returns void language plpgsql volatile set search_path=""; -- body 9ed340fc88354505

create function private.end_of_charge(p_wallet_id uuid, p_entry_number bigint, p_balance_after bigint) returns numeric language plpgsql stable set search_path=""; -- body cb202146927fee6c

create function private.end_salon_membership(p_salon_id uuid, p_user_id uuid, p_is_removed boolean) returns void language plpgsql volatile set search_path=""; -- body f2657b0bcc40f8c6

create function private.enter_debt_payment(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[]) returns public.token_balances language plpgsql volatile set search_path=""; -- body 0e2260b3bb539436

create function private.enter_presence(p_user_id uuid, p_current_salon_id uuid, p_is_signed_out boolean, p_now timestamp with time zone) returns text language plpgsql volatile set search_path=""; -- body 1cd54bdf4a87c4b2

create function private.enter_salon(p_salon_id uuid) returns private.salon_place language plpgsql volatile security definer set search_path=""; -- body 822b141b8adc7f9d

create function private.expire_token_holds_of(p_user_id uuid, p_now timestamp with time zone) returns public.token_balances language plpgsql volatile security definer set search_path=""; -- body 80fab817ff26aa29

create function private.explain_grant(p_wallet_id uuid, p_entry_number bigint, p_request_id text) returns jsonb language sql stable set search_path=""; -- body a40458e69bc18229

create function private.export_caller_networks(p_user_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 4cfb805422946d02

create function private.export_ledger_user(p_user_id uuid) returns jsonb language sql stable security definer set search_path=""; -- body ac93c2e629da9ce9

create function private.export_member(p_user_id uuid) returns jsonb language plpgsql stable set search_path=""; -- body 6ae8670600dca15e

create function private.export_messages(p_user_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body abc84bb100ba9ef4

create function private.export_oauth_user(p_user_id uuid) returns jsonb language sql stable security definer set search_path=""; -- body 4184cbb85a4ae0dc

create function private.export_otp_user(p_user_id uuid) returns jsonb language sql stable security definer set search_path=""; -- body 696182e78a8e9da3

create function private.export_presence(p_user_id uuid) returns jsonb language sql stable set search_path=""; -- body 5f38e615315d3322

create function private.export_profile(p_user_id uuid) returns jsonb language sql stable set search_path=""; -- body 1b1551af8dbfb054

create function private.export_salon_reports(p_user_id uuid) returns jsonb language plpgsql stable set search_path=""; -- body 834462ca80ae2aa1

create function private.export_salons(p_user_id uuid) returns jsonb language plpgsql stable set search_path=""; -- body 6461ea7f33e2b717

create function private.fan_out_alerts() returns integer language plpgsql volatile security definer set search_path=""; -- body c6a15a29220ed426

create function private.file_report(p_salon_id uuid, p_subject_id uuid, p_message_id bigint, p_content text, p_reason text, p_explanation text) returns jsonb language plpgsql volatile set search_path=""; -- body c9b7d7159a8dacf1

create function private.find_messages(p_query tsquery, p_salon_ids uuid[], p_before bigint, p_hidden uuid[], p_limit integer, OUT ids bigint[], OUT next_before bigint) returns record language plpgsql stable security definer set search_path=""; -- body 73f1222b88f20fc7

create function private.fold(p_text text) returns text language plpgsql immutable set search_path=""; -- body cfa18c8071df7bc4
grant execute on function private.fold(p_text text) to authenticated;

create function private.follow_alert_ordering_key() returns trigger language plpgsql volatile security definer set search_path=""; -- body d55fe7b3f6aeb760

create function private.forbid_token_access_log_change() returns trigger language plpgsql volatile set search_path=""; -- body f1f52c92270281a2

create function private.forbid_token_history_change() returns trigger language plpgsql volatile set search_path=""; -- body c1b09de20faa7192

create function private.forget_alerts(p_key text, p_fields text[], p_except jsonb[] DEFAULT '{}'::jsonb[]) returns void language plpgsql volatile security definer set search_path=""; -- body 1bf87be0787dd865

create function private.forget_call_limits(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body 56a7ba7e550620b0

create function private.forget_caller_networks(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body 5e80ebef3ea291f8

create function private.forget_deleted_user() returns trigger language plpgsql volatile security definer set search_path=""; -- body a52d986fee6ba766

create function private.forget_ledger_user(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body 5747936394d6694a

create function private.forget_member(p_user_id uuid) returns void language plpgsql volatile set search_path=""; -- body 7c628240344cfc83

create function private.forget_messages(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body c56f94915e04fac2

create function private.forget_oauth_user(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body aca7936ac7a1f146

create function private.forget_otp_user(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body 90d6d3e70894b10e

create function private.forget_presence(p_user_id uuid) returns void language plpgsql volatile set search_path=""; -- body bc1ffb8aef914a63

create function private.forget_profile(p_user_id uuid) returns void language sql volatile set search_path=""; -- body b6e6b017c15e86d5

create function private.forget_rate_limits(p_keys text[]) returns void language sql volatile security definer set search_path=""; -- body ddae89105c2df9c3

create function private.forget_salon_reports(p_user_id uuid) returns void language plpgsql volatile set search_path=""; -- body 812d34f8c35cb155

create function private.forget_salons(p_user_id uuid) returns void language plpgsql volatile set search_path=""; -- body e45aa30c48ac4940

create function private.free_grants(p_wallet_id uuid, p_now timestamp with time zone) returns TABLE(grant_id bigint, tokens bigint) language plpgsql volatile set search_path=""; -- body 923df946d09b7560

create function private.give_anew(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[], p_operation_type text, p_metadata jsonb, p_now timestamp with time zone) returns void language plpgsql volatile set search_path=""; -- body 76f75bee13f10c9a

create function private.give_back(p_payment private.token_payments, p_tokens numeric, p_metadata jsonb, p_now timestamp with time zone) returns void language plpgsql volatile set search_path=""; -- body c1341653bf2669d5

create function private.give_back_member_holds(p_wallet_id uuid, p_holds jsonb) returns void language plpgsql volatile security definer set search_path=""; -- body f2a0dd1eededa2be

create function private.give_back_rate_limits(p_limits jsonb) returns void language plpgsql volatile security definer set search_path=""; -- body 52fddaa40944bdcd

create function private.give_salon_code(p_salon_id uuid, p_made_by uuid DEFAULT NULL::uuid) returns text language plpgsql volatile set search_path=""; -- body 6be7a83f0b972704

create function private.grant_request_digest(p_kind text, p_priority integer, p_effective_at timestamp with time zone, p_expires_at timestamp with time zone, p_source text) returns text language plpgsql immutable set search_path=""; -- body cff705da557ccece

create function private.grants_left(p_wallet_id uuid, p_spent numeric) returns TABLE(grant_id bigint, tokens bigint) language plpgsql stable set search_path=""; -- body 74ec9fc0606af1e9

create function private.grants_of_entry(p_entry public.token_balance_history) returns jsonb language sql stable set search_path=""; -- body eb30eac5de4fa4ea

create function private.grants_of_spending(p_wallet_id uuid, p_spent_from numeric, p_spent_to numeric) returns TABLE(grant_id bigint, spent_from numeric, spent_to numeric) language plpgsql stable set search_path=""; -- body 5b6b20bda3b0714f

create function private.handle_new_user() returns trigger language plpgsql volatile security definer set search_path=""; -- body aed48864a158e5fa

create function private.has_handed_over(p_salon_id uuid, p_member_id uuid) returns boolean language plpgsql stable set search_path=""; -- body 436e47d24685ee9f

create function private.has_room_for_salon(p_user_id uuid) returns boolean language plpgsql stable set search_path=""; -- body 2c7960353ec7b66e

create function private.id_of_request(p_user_id uuid, p_request_id text) returns uuid language sql immutable set search_path=""; -- body 2d41f9f8a97c4a5a

create function private.install_schedule() returns jsonb language plpgsql volatile security definer set search_path=""; -- body daa8010e1bcfece8

create function private.is_attached(p_path text) returns boolean language plpgsql stable security definer set search_path=""; -- body c76824798d54b2fe
grant execute on function private.is_attached(p_path text) to authenticated;

create function private.is_caller(p_user_id uuid) returns boolean language sql stable set search_path=""; -- body b03acedbeac7c96a

create function private.is_decision(p_decision text, p_note text) returns boolean language sql immutable set search_path=""; -- body 21cd75215c4b7ecd

create function private.is_emoji(p_text text) returns boolean language plpgsql immutable set search_path=""; -- body 5f75ff0224a4dc02

create function private.is_last_owner(p_wallet_id uuid, p_user_id uuid) returns boolean language plpgsql stable set search_path=""; -- body 043a0551c84b9664

create function private.is_salon_member(p_salon_id uuid) returns boolean language plpgsql stable security definer set search_path=""; -- body a70f214a80a5d291
grant execute on function private.is_salon_member(p_salon_id uuid) to authenticated;

create function private.known_refund_outcome(p_refund_id text, p_request_id text, p_amount numeric, p_wallet_id uuid) returns jsonb language plpgsql volatile set search_path=""; -- body 604572c43a92d6b0

create function private.known_request_outcome(p_lock public.token_consumption_locks, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text, p_run_id uuid, p_actor_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body b85efac0d0913494

create function private.like_text(p_text text) returns text language sql immutable set search_path=""; -- body a9cd6a74dcff98f8

create function private.limit_profile_changes() returns trigger language plpgsql volatile security definer set search_path=""; -- body d909e61149af9ac7

create function private.limit_salon_changes() returns trigger language plpgsql volatile security definer set search_path=""; -- body d726cfffffc94df6

create function private.lock_attachments_of(p_user_id text) returns void language sql volatile set search_path=""; -- body 17d1cd64da87b2a8

create function private.lock_current_wallet(p_wallet_id uuid) returns public.token_balances language plpgsql volatile set search_path=""; -- body bd13c2a1b56366e0

create function private.lock_memberships(p_user_id uuid) returns boolean language plpgsql volatile set search_path=""; -- body 9095d1a42568c61f

create function private.lock_message(p_message_id bigint) returns public.chat_messages language plpgsql volatile security definer set search_path=""; -- body 59c7dd610f1d5343

create function private.lock_my_memberships() returns trigger language plpgsql volatile security definer set search_path=""; -- body 21855438d314993c

create function private.lock_my_salons(p_user_id uuid) returns void language plpgsql volatile set search_path=""; -- body 7202327d7f68e607

create function private.lock_salon(p_salon_id uuid) returns public.salons language plpgsql volatile set search_path=""; -- body c8a4491cd668e8e9

create function private.lock_salon_as(p_salon_id uuid, p_roles text[]) returns public.salons language plpgsql volatile set search_path=""; -- body 20bf49ae097aedc1

create function private.lock_token_balances(p_users uuid[]) returns void language plpgsql volatile security definer set search_path=""; -- body 838c7a2cdf58dcb2

create function private.lock_wallet_as(p_wallet_id uuid, p_user_id uuid) returns text language plpgsql volatile set search_path=""; -- body d25364d1d75356fa

create function private.make_grant(p_wallet_id uuid, p_kind public.token_grant_kind, p_priority integer, p_amount bigint, p_effective_at timestamp with time zone, p_expires_at timestamp with time zone, p_source text, p_request_id text, p_metadata jsonb) returns bigint language plpgsql volatile set search_path=""; -- body 2ef8dec63c558e79

create function private.make_owner(p_salon_id uuid, p_member_id uuid) returns void language plpgsql volatile set search_path=""; -- body b9f1417103592161

create function private.make_profile(p_user_id uuid, p_full_name text) returns boolean language plpgsql volatile set search_path=""; -- body 0866bcf3f48354ca

create function private.may_attach() returns boolean language plpgsql volatile security definer set search_path=""; -- body fd0034876516bd6c
grant execute on function private.may_attach() to authenticated;

create function private.may_hear_wallet() returns boolean language plpgsql stable security definer set search_path=""; -- body 7690ba7d151bb6b3
grant execute on function private.may_hear_wallet() to authenticated;

create function private.may_make_salon(p_user_id uuid) returns boolean language plpgsql stable set search_path=""; -- body ce0df08b80d46ca8

create function private.may_manage(p_role text, p_of_role text) returns boolean language sql immutable set search_path=""; -- body 64876b8dc1014685

create function private.may_use_topic(p_topic text, p_extension text, p_is_speaking boolean) returns boolean language plpgsql stable security definer set search_path=""; -- body fe8b36a66d0ab017
grant execute on function private.may_use_topic(p_topic text, p_extension text, p_is_speaking boolean) to authenticated;

create function private.may_write(p_place private.salon_place) returns jsonb language plpgsql volatile set search_path=""; -- body 032444095aa36b55

create function private.member_refusal(p_request_id text, p_wallet_id uuid, p_actor_id uuid, p_amount numeric, p_is_locked boolean DEFAULT true) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4f3f2543b2cfd9d5

create function private.message_query(p_query text) returns tsquery language sql immutable set search_path=""; -- body 6cd6f8eda4a1b967

create function private.message_vector(p_salon_id uuid, p_message_id bigint, p_content text) returns tsvector language sql immutable set search_path=""; -- body 48a13448c5732346

create function private.month_of(p_at timestamp with time zone) returns date language plpgsql immutable set search_path=""; -- body 31c6c32a1cd53643

create function private.my_blocked_ids() returns uuid[] language sql stable security definer set search_path=""; -- body 0fc89fe62ddc359a
grant execute on function private.my_blocked_ids() to authenticated;

create function private.my_presence() returns TABLE(presence_status text, last_activity timestamp with time zone, status_updated_at timestamp with time zone, current_salon_id uuid) language sql stable security definer set search_path=""; -- body ae66d62f25742c3a
grant execute on function private.my_presence() to authenticated;

create function private.my_salon_activity() returns TABLE(salon_id uuid, message_count bigint, last_message_at timestamp with time zone, last_seq bigint, last_read_seq bigint, unread_count integer, last_seen_at timestamp with time zone) language plpgsql stable security definer set search_path=""; -- body 95388fca0b366bcd
grant execute on function private.my_salon_activity() to authenticated;

create function private.my_salon_codes() returns TABLE(salon_id uuid, share_code text) language plpgsql stable security definer set search_path=""; -- body 6b84113ee26b1120
grant execute on function private.my_salon_codes() to authenticated;

create function private.my_salon_ids() returns uuid[] language plpgsql stable security definer set search_path=""; -- body 6744b6d4ab364441
grant execute on function private.my_salon_ids() to authenticated;

create function private.next_grant_event(p_wallet_id uuid) returns timestamp with time zone language plpgsql volatile set search_path=""; -- body 502ac967d0aa56da

create function private.no_such_message() returns jsonb language sql immutable set search_path=""; -- body 39ba8db4fab3ede9

create function private.note_activity(p_user_id uuid, p_current_salon_id uuid) returns jsonb language plpgsql volatile set search_path=""; -- body e10fb87c2c9765dd

create function private.note_call_excess(p_user_id uuid, p_limit jsonb) returns void language plpgsql volatile security definer set search_path=""; -- body 8cba91bf6a1d98e2

create function private.note_decision(p_salon_id uuid, p_action text, p_subject_id uuid DEFAULT NULL::uuid, p_reason text DEFAULT NULL::text, p_details jsonb DEFAULT '{}'::jsonb) returns bigint language sql volatile set search_path=""; -- body 9e0667340415d543

create function private.note_grant_epoch(p_wallet_id uuid, p_first_entry_number bigint, p_granted numeric, p_spent numeric) returns void language plpgsql volatile set search_path=""; -- body 6f91bb21759eedc1

create function private.note_removed_attachments() returns trigger language plpgsql volatile security definer set search_path=""; -- body b343113d998b8bfb

create function private.once_shared_wallets() returns uuid[] language plpgsql stable security definer set search_path=""; -- body 0468e17956ca7e18
grant execute on function private.once_shared_wallets() to authenticated;

create function private.open_grants(p_user_id uuid, p_to_entry bigint) returns void language plpgsql volatile set search_path=""; -- body f3f1254126c112cb

create function private.open_stream() returns trigger language plpgsql volatile security definer set search_path=""; -- body 7b83e5025e447832

create function private.open_wallet_topics() returns boolean language plpgsql volatile set search_path=""; -- body 2859540999d93e66

create function private.operations_of_grants() returns text[] language sql immutable set search_path=""; -- body ff97b14df00485c7

create function private.otp_code_of(p_id uuid, p_key_id text, p_mac text) returns text language plpgsql immutable set search_path=""; -- body cbc7bce8c697732c

create function private.otp_digest(p_salt bytea, p_kind text, p_value text) returns text language plpgsql immutable set search_path=""; -- body 0d301dbaae356bb2

create function private.otp_guard(p_settings private.otp_settings, p_channel text, p_country text, p_prefix text, p_network text, p_now timestamp with time zone, OUT network_reasons text[], OUT prefix_reasons text[], OUT country_reasons text[], OUT is_network_known boolean) returns record language plpgsql stable set search_path=""; -- body 18330303b11b472c

create function private.otp_guesses_left(p_settings private.otp_settings, p_phone text, p_requester text, p_owner_id uuid, p_now timestamp with time zone, OUT own integer, OUT of_a_code integer, OUT own_full_at timestamp with time zone) returns record language plpgsql stable set search_path=""; -- body 5db1a57876ee9fe4

create function private.otp_is_known(p_phone text, p_network text, p_auth_user_id uuid, p_since timestamp with time zone) returns boolean language plpgsql stable security definer set search_path=""; -- body ce185f9e241b1b40

create function private.otp_network_limits(p_name text, p_network text, p_wide_network text, p_quota integer) returns jsonb language plpgsql immutable set search_path=""; -- body 9f5ec1b6ad3644aa

create function private.otp_own_limits(p_settings private.otp_settings, p_channel text, p_limit_key text, p_repeated_phone text) returns jsonb language plpgsql immutable set search_path=""; -- body d4ab6395a9fadfb3

create function private.outranks(p_role text, p_of_role text) returns boolean language sql immutable set search_path=""; -- body 8fb07c9f069ed7c9

create function private.page_of_messages(p_salon_id uuid, p_after bigint, p_before bigint, p_limit integer) returns bigint[] language plpgsql stable security definer set search_path=""; -- body a0851b6ddc031481

create function private.parts_of_grants(p_grant_ids bigint[], p_tokens bigint[]) returns jsonb language plpgsql stable set search_path=""; -- body 861f4cc6575662b5

create function private.pay_debt_from_grants(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[]) returns public.token_balances language plpgsql volatile set search_path=""; -- body d6261945229d507c

create function private.pay_debt_from_parts(p_wallet_id uuid, p_grant_ids bigint[], p_tokens bigint[]) returns void language plpgsql volatile set search_path=""; -- body 7f0cf262f259f1d7

create function private.pay_token_debts(p_wallet_id uuid, p_grant_id bigint, p_tokens bigint) returns void language plpgsql volatile set search_path=""; -- body f64174c937cb0e39

create function private.payment_key(p_source text) returns bigint language sql immutable set search_path=""; -- body 345b5eea81748b79

create function private.place_lexeme(p_salon_id uuid, p_message_id bigint) returns text language sql immutable set search_path=""; -- body 10a7abc57cbf7e64

create function private.plain_code(p_code text) returns text language sql immutable set search_path=""; -- body 14c553285b0d7736

create function private.plain_words(p_text text) returns text language sql immutable set search_path=""; -- body 9bea40fd34b26842

create function private.post_token_entry(p_user_id uuid, p_delta bigint, p_released bigint, p_operation_type text, p_request_id text, p_metadata jsonb, p_actor_id uuid DEFAULT NULL::uuid) returns public.token_balances language plpgsql volatile set search_path=""; -- body 376ef1bbddf03216

create function private.prepare_token_history(p_months integer DEFAULT 12, p_may_block boolean DEFAULT false) returns jsonb language plpgsql volatile security definer set search_path=""; -- body fc6aa75f445487b0

create function private.presence_at(p_private public.profile_private, p_last_seen_at timestamp with time zone, p_is_signed_out boolean, p_now timestamp with time zone) returns text language sql immutable set search_path=""; -- body ef4fadcc4253ab0c

create function private.profile_shows(p_bucket text, p_path text) returns boolean language sql stable set search_path=""; -- body 583e12d9958380f7

create function private.prune_job_runs(p_limit integer DEFAULT 10000) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e1e2f661eb86c19f

create function private.prune_metric_flushes(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 2da499499266a3b1

create function private.prune_token_access_log(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 6141ec1fb3540de6

create function private.prune_token_anomalies(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 40e8caa906c07a5a

create function private.purge_deleted_salons(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 0adc79a5e5cc4e71

create function private.query_in(p_config regconfig, p_query text) returns tsquery language sql immutable set search_path=""; -- body 794a2a115423dce2

create function private.quotation(p_message_id bigint, p_user_id uuid, p_hidden uuid[], p_blocked uuid[]) returns jsonb language sql stable set search_path=""; -- body 8e0faabaf82040bf

create function private.random_code(p_length integer) returns text language plpgsql volatile set search_path=""; -- body 2483e22c044bbf68

create function private.reactions_to(p_message_id bigint, p_user_id uuid, p_blocked uuid[]) returns jsonb language sql stable set search_path=""; -- body dab49b50a623fd6f

create function private.read_own_messages() returns trigger language plpgsql volatile security definer set search_path=""; -- body b9ad69cd05d06d40

create function private.reclaimable_grants(p_wallet_id uuid, p_source text, p_now timestamp with time zone) returns TABLE(grant_id bigint, tokens bigint) language plpgsql volatile set search_path=""; -- body 41dfc47df9dc1b6c

create function private.record_request_excess(p_user_id uuid, p_kind text, p_limit jsonb) returns void language plpgsql volatile security definer set search_path=""; -- body 1607f410501bb6e2

create function private.refunded_since_month(p_wallet_id uuid, p_today date) returns TABLE(this_month numeric, today numeric) language sql stable set search_path=""; -- body c57bece5edcdb051

create function private.refuse_attachment_without_room() returns trigger language plpgsql volatile security definer set search_path=""; -- body 3dd2e039ba73728e

create function private.refuse_networks_of_forgotten() returns trigger language plpgsql volatile security definer set search_path=""; -- body 1da1856fb39d608f

create function private.refused_word(p_salon_id uuid, p_text text) returns text language plpgsql stable security definer set search_path=""; -- body d1f91f5d417127f3

create function private.renew_token_sync(p_source text, p_fence bigint) returns boolean language sql volatile security definer set search_path=""; -- body 577cb3f874452347

create function private.repeated_send(p_user_id uuid, p_salon_id uuid, p_content text, p_client_id uuid, p_reply_to_id bigint) returns jsonb language plpgsql volatile set search_path=""; -- body c492e5bfeba2b697

create function private.replay_difference(p_wallet_id uuid) returns jsonb language plpgsql stable set search_path=""; -- body a92871538363a726

create function private.replay_token_grants(p_wallet_id uuid, p_to_entry bigint DEFAULT NULL::bigint) returns SETOF private.replayed_grant language plpgsql stable set search_path="" set enable_nestloop=off; -- body 8f632b14c181284c

create function private.report_for_those_who_decide(p_report private.salon_reports) returns jsonb language sql stable set search_path=""; -- body c5fecf3a07223529

create function private.request_limit_of(p_user_id uuid, p_name text, p_rule jsonb) returns jsonb language plpgsql stable security definer set search_path=""; -- body 4ffb07e93b1d280c

create function private.role_in_salon(p_salon_id uuid, p_user_id uuid) returns text language plpgsql stable set search_path=""; -- body 1d2cfc7e52e562d4

create function private.rollup_metrics(p_margin interval DEFAULT '00:01:00'::interval) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8847cea8a141b6df

create function private.room_for_tokens(p_balance public.token_balances) returns numeric language plpgsql stable set search_path=""; -- body e3f3c1fe31991aa7

create function private.salon_of_message(p_message_id bigint) returns uuid language sql stable security definer set search_path=""; -- body bab330719137b660

create function private.salon_role(p_salon_id uuid) returns text language plpgsql stable security definer set search_path=""; -- body d9ab7378b122cfae
grant execute on function private.salon_role(p_salon_id uuid) to authenticated;

create function private.salon_shows(p_path text) returns boolean language sql stable set search_path=""; -- body 2d2f94605843c704

create function private.scan_alerts() returns jsonb language plpgsql volatile security definer set search_path=""; -- body dfad668751521784

create function private.scan_ending_tokens() returns integer language plpgsql volatile security definer set search_path=""; -- body a757809b23846fbe

create function private.scan_expiring_grants() returns integer language plpgsql volatile security definer set search_path=""; -- body 30d7af952f8aff0d

create function private.scan_failing_provider() returns integer language plpgsql volatile security definer set search_path=""; -- body a78e3abf4d9c2103

create function private.scan_low_balances() returns integer language plpgsql volatile security definer set search_path=""; -- body 90909b7443fb058f

create function private.scan_overdue_jobs() returns integer language plpgsql volatile security definer set search_path=""; -- body 1b94df573e42a0e5

create function private.scan_token_anomalies() returns jsonb language plpgsql volatile security definer set search_path=""; -- body 274116bc7f55b88a

create function private.set_pin(p_message_id bigint, p_is_pinned boolean) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 758bcc0b6f6f3e46

create function private.set_reaction(p_message_id bigint, p_emoji text, p_action text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 1987951af57380fd

create function private.settle_auth_hook_otps(p_limit integer DEFAULT 1000) returns integer language plpgsql volatile security definer set search_path=""; -- body c1bed097643c72eb

create function private.settle_payment(p_wallet_id uuid, p_source text, p_metadata jsonb, p_now timestamp with time zone) returns private.token_payments language plpgsql volatile set search_path=""; -- body 07c31420f64a89a2

create function private.settle_presence(p_limit integer DEFAULT 1000) returns integer language plpgsql volatile security definer set search_path=""; -- body 5a304c741924ec0b

create function private.shared_wallets() returns uuid[] language plpgsql stable security definer set search_path=""; -- body 9d0f3bc3e88b5b2f
grant execute on function private.shared_wallets() to authenticated;

create function private.spend_cap_refusal(p_request_id text, p_user_id uuid, p_amount numeric) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 355ff7f0c95a9de8

create function private.spent_since_month(p_user_id uuid, p_today date, p_after_entry bigint, p_to_entry bigint) returns TABLE(this_month numeric, today numeric) language plpgsql stable security definer set search_path=""; -- body 8a93e332e42d9bcc

create function private.split_other_months() returns jsonb language plpgsql volatile security definer set search_path="" set lock_timeout=2s; -- body 40a20d94101fc7cf

create function private.take_back(p_payment private.token_payments, p_tokens numeric, p_metadata jsonb, p_now timestamp with time zone) returns void language plpgsql volatile set search_path=""; -- body 4ca84d0b09197b96

create function private.take_from_grant(p_payment_id bigint, p_grant_id bigint, p_tokens bigint) returns void language sql volatile set search_path=""; -- body 750a6d28a9af51b4

create function private.take_member_hold(p_wallet_id uuid, p_actor_id uuid, p_amount bigint) returns boolean language plpgsql volatile security definer set search_path=""; -- body 0b0dfc6f1ef2e611

create function private.take_off_caps(p_user_id uuid, p_charged_at timestamp with time zone, p_tokens bigint) returns void language sql volatile set search_path=""; -- body c766388c13c3cf97

create function private.take_off_member(p_wallet_id uuid, p_actor_id uuid, p_charged_at timestamp with time zone, p_tokens bigint) returns void language plpgsql volatile security definer set search_path=""; -- body db0ee674ee6995ac

create function private.take_otp_network_limits(p_limits jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 9fef4897ffe4c624

create function private.take_place_in_stream(p_salon_id uuid, p_place private.salon_place, p_user_id uuid) returns jsonb language plpgsql volatile set search_path=""; -- body c2dd8940d6f68998

create function private.take_request_limits(p_request_id text, p_user_id uuid, p_user_rule jsonb, p_name text, p_rule jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4f6dd67a25f0dce8

create function private.tell(p_topic text, p_event text, p_payload jsonb) returns void language plpgsql volatile set search_path=""; -- body e2f15b930c511f71

create function private.tell_balance() returns trigger language plpgsql volatile security definer set search_path="" set lock_timeout=50ms; -- body 9b79a2f066629adf

create function private.tell_of_members() returns trigger language plpgsql volatile security definer set search_path=""; -- body 92e3c85eb240061a

create function private.tell_of_membership() returns trigger language plpgsql volatile security definer set search_path=""; -- body a50ea54500c7c604

create function private.tell_of_salon() returns trigger language plpgsql volatile security definer set search_path=""; -- body cdcd21c4f1373d59

create function private.tell_those_addressed(p_message public.chat_messages) returns void language sql volatile set search_path=""; -- body d87f378904b3c5c7

create function private.tidy_line(p_text text) returns text language plpgsql immutable set search_path=""; -- body f237a9d9267ea19b

create function private.tidy_profile() returns trigger language plpgsql volatile security definer set search_path=""; -- body dd9fbfc9ab4e5dd2

create function private.tidy_salon() returns trigger language plpgsql volatile security definer set search_path=""; -- body 4983818f3c05021a

create function private.tidy_text(p_text text) returns text language plpgsql immutable set search_path=""; -- body ea01bf5efb0ac9d6

create function private.token_entry_chain(p_previous bytea, p_user_id uuid, p_entry_number bigint, p_delta bigint, p_balance_after bigint, p_created_at timestamp with time zone, p_operation_type text, p_request_id text, p_metadata jsonb, p_actor_id uuid DEFAULT NULL::uuid) returns bytea language plpgsql immutable set search_path=""; -- body 7db5d00d04243f48

create function private.token_refusal(p_request_id text, p_error text, p_message text, p_balance bigint DEFAULT NULL::bigint, p_details jsonb DEFAULT '{}'::jsonb) returns jsonb language plpgsql immutable set search_path=""; -- body 247816b7341a58cb

create function private.token_request_problem(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_metadata jsonb) returns text language plpgsql immutable set search_path=""; -- body e9ac3019d59b48ce

create function private.token_response_tail(p_charged bigint, p_balance bigint) returns text language plpgsql immutable set search_path=""; -- body 979aea1de04be3b7

create function private.try_grant_events(p_wallet_id uuid) returns public.token_balances language plpgsql volatile set search_path=""; -- body 3418aa196500289f

create function private.verify_messages() returns TABLE(invariant text, subject text, details jsonb) language plpgsql stable security definer set search_path=""; -- body 4f32231173fac88b

create function private.verify_metrics() returns jsonb language plpgsql stable security definer set search_path=""; -- body 78d0ebb3b6c1d636

create function private.verify_salons() returns TABLE(invariant text, subject text, details jsonb) language plpgsql stable security definer set search_path=""; -- body b6d94e6ef017789d

create function private.verify_token_grants() returns TABLE(invariant text, user_id uuid, details jsonb) language plpgsql stable set search_path=""; -- body f47d694a3b55f077

create function private.wallet_done(p_more jsonb DEFAULT '{}'::jsonb) returns jsonb language sql immutable set search_path=""; -- body 52d562de9d22f17b

create function private.wallet_refusal(p_error text, p_message text) returns jsonb language sql immutable set search_path=""; -- body da3115abcde40f51

create function private.wallet_role(p_wallet_id uuid, p_user_id uuid) returns text language plpgsql stable security definer set search_path=""; -- body 3ef03b5249a05898

create function private.watch_caller_networks() returns trigger language plpgsql volatile security definer set search_path=""; -- body 79e5d944265d9117

create function private.without_unseen(p_text text) returns text language plpgsql immutable set search_path=""; -- body 52d90e011838f36c

create function public.accept_wallet_invitation(p_user_id uuid, p_code_digest text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8a2a79d62a7d8a40
grant execute on function public.accept_wallet_invitation(p_user_id uuid, p_code_digest text) to service_role;

create function public.account_limits(p_user_id uuid, p_actor_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body f07c3c09f20d98af
grant execute on function public.account_limits(p_user_id uuid, p_actor_id uuid) to service_role;

create function public.add_salon_word(p_salon_id uuid, p_word text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8e25129a9a9a0ae2
grant execute on function public.add_salon_word(p_salon_id uuid, p_word text) to authenticated;

create function public.add_tokens(p_user_id uuid, p_amount numeric, p_reason text, p_metadata jsonb DEFAULT NULL::jsonb, p_request_id text DEFAULT NULL::text, p_kind text DEFAULT 'paid'::text, p_priority integer DEFAULT 50, p_effective_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_source text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 93c96b1602e6b6fe
grant execute on function public.add_tokens(p_user_id uuid, p_amount numeric, p_reason text, p_metadata jsonb, p_request_id text, p_kind text, p_priority integer, p_effective_at timestamp with time zone, p_expires_at timestamp with time zone, p_source text) to service_role;

create function public.admit_reading(p_request_id text, p_user_id uuid, p_least_amount numeric, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d2d3e0e3dc4b54c2
grant execute on function public.admit_reading(p_request_id text, p_user_id uuid, p_least_amount numeric, p_wallet_id uuid) to service_role;

create function public.admit_request(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_time_to_live interval DEFAULT '00:10:00'::interval, p_run_id uuid DEFAULT NULL::uuid, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e2ef8b07b066f35f
grant execute on function public.admit_request(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text, p_metadata jsonb, p_time_to_live interval, p_run_id uuid, p_wallet_id uuid) to service_role;

create function public.alert_queue() returns jsonb language sql stable security definer set search_path=""; -- body 05f3d8382f8b6ad9
grant execute on function public.alert_queue() to service_role;

create function public.answer_oauth_authorization(p_state_hash text, p_answer text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 09c57ebf9f3509e6
grant execute on function public.answer_oauth_authorization(p_state_hash text, p_answer text) to service_role;

create function public.archive_salon(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 28707dac7106072f
grant execute on function public.archive_salon(p_salon_id uuid) to authenticated;

create function public.attachments_to_remove(p_limit integer DEFAULT 1000) returns TABLE(bucket text, path text) language plpgsql stable security definer set search_path=""; -- body 02e97776057895c6
grant execute on function public.attachments_to_remove(p_limit integer) to service_role;

create function public.ban_from_salon(p_salon_id uuid, p_member_id uuid, p_duration_s integer DEFAULT NULL::integer, p_reason text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 3f971e3dc0c16248
grant execute on function public.ban_from_salon(p_salon_id uuid, p_member_id uuid, p_duration_s integer, p_reason text) to authenticated;

create function public.begin_token_sync(p_source text, p_server_id text, p_lease_s integer DEFAULT 30) returns jsonb language plpgsql volatile security definer set search_path=""; -- body fa81b0db20496d3b
grant execute on function public.begin_token_sync(p_source text, p_server_id text, p_lease_s integer) to service_role;

create function public.block_user(p_user_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 10e7739f050a1ebe
grant execute on function public.block_user(p_user_id uuid) to authenticated;

create function public.check_inactive_users(p_limit integer DEFAULT 1000) returns integer language plpgsql volatile security definer set search_path=""; -- body 342c40aa5c496091
grant execute on function public.check_inactive_users(p_limit integer) to service_role;

create function public.claim_alert_deliveries(p_limit integer, p_lease interval, p_endpoint_id uuid, p_without uuid[]) returns jsonb language plpgsql volatile security definer set search_path=""; -- body c4f10dec17bdbefe
grant execute on function public.claim_alert_deliveries(p_limit integer, p_lease interval, p_endpoint_id uuid, p_without uuid[]) to service_role;

create function public.claim_oauth_lease(p_key text, p_provider text, p_holder uuid, p_lease_ms integer, p_is_forced boolean DEFAULT false) returns jsonb language plpgsql volatile security definer set search_path=""; -- body a587d70f653c9fa6
grant execute on function public.claim_oauth_lease(p_key text, p_provider text, p_holder uuid, p_lease_ms integer, p_is_forced boolean) to service_role;

create function public.claw_back_grant(p_source text, p_amount numeric, p_reversal_id text, p_reason text DEFAULT NULL::text, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 33e6f1f40fc636b7
grant execute on function public.claw_back_grant(p_source text, p_amount numeric, p_reversal_id text, p_reason text, p_wallet_id uuid) to service_role;

create function public.cleanup_expired_locks(p_page_limit integer DEFAULT 10000) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 12bcee0a9c612a3d
grant execute on function public.cleanup_expired_locks(p_page_limit integer) to service_role;

create function public.cleanup_provider_tokens(p_limit integer DEFAULT 10000) returns integer language plpgsql volatile security definer set search_path=""; -- body 36f88c3f6d0772e3
grant execute on function public.cleanup_provider_tokens(p_limit integer) to service_role;

create function public.clear_tokens(p_namespace text) returns integer language plpgsql volatile security definer set search_path=""; -- body bcb88744668920a5
grant execute on function public.clear_tokens(p_namespace text) to service_role;

create function public.close_wallet(p_user_id uuid, p_wallet_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 6ce0db6b012a7b60
grant execute on function public.close_wallet(p_user_id uuid, p_wallet_id uuid) to service_role;

create function public.complete_alert_delivery(p_alert_id bigint, p_endpoint_id uuid, p_lease_id uuid, p_http_status integer) returns boolean language plpgsql volatile security definer set search_path=""; -- body 859ece2644a41034
grant execute on function public.complete_alert_delivery(p_alert_id bigint, p_endpoint_id uuid, p_lease_id uuid, p_http_status integer) to service_role;

create function public.consume_tokens_atomic(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_metadata jsonb DEFAULT NULL::jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 94ad95fda48eb284
grant execute on function public.consume_tokens_atomic(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_metadata jsonb) to service_role;

create function public.consume_tokens_batch(p_requests jsonb) returns jsonb language plpgsql volatile security definer set search_path="" set enable_hashjoin=off set enable_mergejoin=off; -- body fef4971ceea3b8d8
grant execute on function public.consume_tokens_batch(p_requests jsonb) to service_role;

create function public.create_alert_endpoint(p_endpoint_id uuid, p_host text, p_alert_types text[], p_sealed text, p_description text DEFAULT ''::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d663173e72443aad
grant execute on function public.create_alert_endpoint(p_endpoint_id uuid, p_host text, p_alert_types text[], p_sealed text, p_description text) to service_role;

create function public.create_salon_invitation(p_salon_id uuid, p_max_uses integer DEFAULT 1, p_expires_in_s integer DEFAULT 604800) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 137dee8b6ad5fea6
grant execute on function public.create_salon_invitation(p_salon_id uuid, p_max_uses integer, p_expires_in_s integer) to authenticated;

create function public.create_salon_with_code(p_name text, p_description text DEFAULT NULL::text, p_category text DEFAULT NULL::text, p_city text DEFAULT NULL::text, p_color_theme text DEFAULT NULL::text, p_visibility text DEFAULT 'public'::text, p_request_id text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 7f4954ace697b01a
grant execute on function public.create_salon_with_code(p_name text, p_description text, p_category text, p_city text, p_color_theme text, p_visibility text, p_request_id text) to authenticated;

create function public.create_wallet(p_user_id uuid, p_name text, p_request_id text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 3f3ed9dc86263ded
grant execute on function public.create_wallet(p_user_id uuid, p_name text, p_request_id text) to service_role;

create function public.decide_report(p_report_id bigint, p_decision text, p_note text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 985ec9df0e9086e0
grant execute on function public.decide_report(p_report_id bigint, p_decision text, p_note text) to service_role;

create function public.decide_salon_report(p_report_id bigint, p_decision text, p_note text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 5cfc3a5d01b20b61
grant execute on function public.decide_salon_report(p_report_id bigint, p_decision text, p_note text) to authenticated;

create function public.delete_message(p_message_id bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body da578b9403fb6407
grant execute on function public.delete_message(p_message_id bigint) to authenticated;

create function public.delete_salon(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 639216ca7c2a2c1e
grant execute on function public.delete_salon(p_salon_id uuid) to authenticated;

create function public.delete_tokens(p_keys jsonb) returns integer language plpgsql volatile security definer set search_path=""; -- body c11f5275debcd280
grant execute on function public.delete_tokens(p_keys jsonb) to service_role;

create function public.detect_high_frequency_requests(p_user_id uuid, p_time_window interval DEFAULT '00:01:00'::interval, p_threshold integer DEFAULT 60) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 12265e71be696114
grant execute on function public.detect_high_frequency_requests(p_user_id uuid, p_time_window interval, p_threshold integer) to service_role;

create function public.diff_provider_tokens(p_source text, p_fence bigint, p_names text, p_fingerprints text, p_ttls_ms text, p_next_cursor text) returns jsonb language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body fca67d0d7bc3227c
grant execute on function public.diff_provider_tokens(p_source text, p_fence bigint, p_names text, p_fingerprints text, p_ttls_ms text, p_next_cursor text) to service_role;

create function public.edit_message(p_message_id bigint, p_content text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 213fd6f506d3f406
grant execute on function public.edit_message(p_message_id bigint, p_content text) to authenticated;

create function public.emit_test_alert(p_endpoint_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body cc379435a9ae79da
grant execute on function public.emit_test_alert(p_endpoint_id uuid) to service_role;

create function public.end_alert_endpoint(p_endpoint_id uuid) returns boolean language plpgsql volatile security definer set search_path=""; -- body f2f1de482cd7aa2e
grant execute on function public.end_alert_endpoint(p_endpoint_id uuid) to service_role;

create function public.end_oauth_revocation(p_subject uuid, p_requested_at timestamp with time zone) returns boolean language plpgsql volatile security definer set search_path=""; -- body a41d2181159ba572
grant execute on function public.end_oauth_revocation(p_subject uuid, p_requested_at timestamp with time zone) to service_role;

create function public.ensure_profile() returns jsonb language plpgsql volatile security definer set search_path=""; -- body 61404a65073e9248
grant execute on function public.ensure_profile() to authenticated;

create function public.explain_request(p_request_id text, p_user_id uuid DEFAULT NULL::uuid, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body b32477f8c3cb7cac
grant execute on function public.explain_request(p_request_id text, p_user_id uuid, p_wallet_id uuid) to service_role;

create function public.export_next_user_data(p_user_id uuid, p_after text DEFAULT ''::text) returns jsonb language plpgsql stable security definer set search_path=""; -- body 35b5b5238b9761a0
grant execute on function public.export_next_user_data(p_user_id uuid, p_after text) to service_role;

create function public.export_user_data(p_user_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 3650c8a0fb7329b8
grant execute on function public.export_user_data(p_user_id uuid) to service_role;

create function public.extend_token_hold(p_request_id text, p_user_id uuid, p_attempt integer, p_time_to_live interval) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 6fba3cd840343975
grant execute on function public.extend_token_hold(p_request_id text, p_user_id uuid, p_attempt integer, p_time_to_live interval) to service_role;

create function public.fail_alert_delivery(p_alert_id bigint, p_endpoint_id uuid, p_lease_id uuid, p_error text, p_http_status integer DEFAULT NULL::integer, p_retry_after_s integer DEFAULT NULL::integer) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 612933938acb3b6d
grant execute on function public.fail_alert_delivery(p_alert_id bigint, p_endpoint_id uuid, p_lease_id uuid, p_error text, p_http_status integer, p_retry_after_s integer) to service_role;

create function public.files_of_user(p_user_id uuid, p_limit integer DEFAULT 1000) returns TABLE(bucket text, path text) language plpgsql stable security definer set search_path=""; -- body 8847052bd8c84a9c
grant execute on function public.files_of_user(p_user_id uuid, p_limit integer) to service_role;

create function public.files_to_remove(p_limit integer DEFAULT 1000) returns TABLE(bucket text, path text) language plpgsql stable security definer set search_path=""; -- body b0b631dbea7c5a03
grant execute on function public.files_to_remove(p_limit integer) to service_role;

create function public.finish_oauth_lease(p_key text, p_provider text, p_fence bigint, p_outcome text, p_failure_count integer DEFAULT 0, p_error text DEFAULT NULL::text, p_retry_after_ms bigint DEFAULT 0, p_grant jsonb DEFAULT NULL::jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 2829c2a32ada14a6
grant execute on function public.finish_oauth_lease(p_key text, p_provider text, p_fence bigint, p_outcome text, p_failure_count integer, p_error text, p_retry_after_ms bigint, p_grant jsonb) to service_role;

create function public.finish_token_sync(p_source text, p_fence bigint, p_is_complete boolean) returns jsonb language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body cefc0006f23f2503
grant execute on function public.finish_token_sync(p_source text, p_fence bigint, p_is_complete boolean) to service_role;

create function public.forget_user(p_user_id uuid) returns void language plpgsql volatile security definer set search_path=""; -- body d9f5b7c8c31e6743
grant execute on function public.forget_user(p_user_id uuid) to service_role;

create function public.get_all_message_reactions_batch(p_message_ids bigint[]) returns TABLE(message_id bigint, emoji text, count bigint, has_reacted boolean) language sql stable set search_path=""; -- body f091001e4652d8fa
grant execute on function public.get_all_message_reactions_batch(p_message_ids bigint[]) to authenticated;

create function public.get_message_reactions_summary(p_message_id bigint) returns TABLE(emoji text, count bigint, has_reacted boolean) language sql stable set search_path=""; -- body 7459b1e7f8cdd7ea
grant execute on function public.get_message_reactions_summary(p_message_id bigint) to authenticated;

create function public.get_presence(p_user_ids uuid[]) returns TABLE(user_id uuid, status text) language sql stable security definer set search_path=""; -- body 85481344405ce144
grant execute on function public.get_presence(p_user_ids uuid[]) to authenticated;

create function public.get_reply_message_info(p_message_id bigint) returns jsonb language plpgsql stable security definer set search_path=""; -- body 209c467f35a24f8a
grant execute on function public.get_reply_message_info(p_message_id bigint) to authenticated;

create function public.handle_message_reaction(p_message_id bigint, p_emoji text, p_action text DEFAULT 'toggle'::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 032144347ab0f097
grant execute on function public.handle_message_reaction(p_message_id bigint, p_emoji text, p_action text) to authenticated;

create function public.handle_user_signin(p_user_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 7895b114066a27c3
grant execute on function public.handle_user_signin(p_user_id uuid) to authenticated;

create function public.handle_user_signout(p_user_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d8fa5eb173576bb3
grant execute on function public.handle_user_signout(p_user_id uuid) to authenticated;

create function public.hold_tokens(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_time_to_live interval DEFAULT '00:10:00'::interval, p_run_id uuid DEFAULT NULL::uuid, p_actor_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 73a33755414f39ab
grant execute on function public.hold_tokens(p_request_id text, p_user_id uuid, p_token_amount numeric, p_operation_type text, p_fingerprint text, p_metadata jsonb, p_time_to_live interval, p_run_id uuid, p_actor_id uuid) to service_role;

create function public.invite_to_wallet(p_user_id uuid, p_wallet_id uuid, p_code_digest text, p_role text, p_request_id text DEFAULT NULL::text, p_monthly_cap_tokens bigint DEFAULT NULL::bigint, p_email text DEFAULT NULL::text, p_max_uses integer DEFAULT 1, p_time_to_live interval DEFAULT '7 days'::interval) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4f5b8ff1804d69ec
grant execute on function public.invite_to_wallet(p_user_id uuid, p_wallet_id uuid, p_code_digest text, p_role text, p_request_id text, p_monthly_cap_tokens bigint, p_email text, p_max_uses integer, p_time_to_live interval) to service_role;

create function public.join_salon(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body d868871a78437af5
grant execute on function public.join_salon(p_salon_id uuid) to authenticated;

create function public.join_salon_via_code(p_code text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 52404b3a8bf9d57b
grant execute on function public.join_salon_via_code(p_code text) to authenticated;

create function public.keep_oauth_authorization(p_state_hash text, p_request text, p_ttl_s integer) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 41450a4c9292e882
grant execute on function public.keep_oauth_authorization(p_state_hash text, p_request text, p_ttl_s integer) to service_role;

create function public.kick_salon_member(p_salon_id uuid, p_member_id uuid, p_reason text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body c1344bc901dc0c8c
grant execute on function public.kick_salon_member(p_salon_id uuid, p_member_id uuid, p_reason text) to authenticated;

create function public.leave_salon(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 10930f845dbe1690
grant execute on function public.leave_salon(p_salon_id uuid) to authenticated;

create function public.lift_salon_ban(p_salon_id uuid, p_member_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4072e8aeece11fab
grant execute on function public.lift_salon_ban(p_salon_id uuid, p_member_id uuid) to authenticated;

create function public.list_alert_deliveries(p_status text, p_endpoint_id uuid, p_before_alert_id bigint, p_limit integer) returns jsonb language sql stable security definer set search_path=""; -- body 272683780f1d71c1
grant execute on function public.list_alert_deliveries(p_status text, p_endpoint_id uuid, p_before_alert_id bigint, p_limit integer) to service_role;

create function public.list_alert_endpoints() returns jsonb language sql stable security definer set search_path=""; -- body b94208b616253655
grant execute on function public.list_alert_endpoints() to service_role;

create function public.list_gone_alert_endpoints() returns jsonb language sql stable security definer set search_path=""; -- body 7b1aaa2c0777ef65
grant execute on function public.list_gone_alert_endpoints() to service_role;

create function public.list_oauth_revocations(p_limit integer DEFAULT 100) returns jsonb language sql stable security definer set search_path=""; -- body 023464b263853480
grant execute on function public.list_oauth_revocations(p_limit integer) to service_role;

create function public.list_open_reports(p_after bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) returns jsonb language plpgsql stable security definer set search_path=""; -- body c27008cebde30f22
grant execute on function public.list_open_reports(p_after bigint, p_limit integer) to service_role;

create function public.list_public_salons(p_category text DEFAULT NULL::text, p_city text DEFAULT NULL::text, p_after text DEFAULT NULL::text, p_limit integer DEFAULT 50) returns jsonb language plpgsql stable set search_path=""; -- body f8d5795686a93ff2
grant execute on function public.list_public_salons(p_category text, p_city text, p_after text, p_limit integer) to authenticated;

create function public.list_salon_bans(p_salon_id uuid, p_after uuid DEFAULT NULL::uuid, p_limit integer DEFAULT 100) returns jsonb language plpgsql stable security definer set search_path=""; -- body f6daac122fbf8fa5
grant execute on function public.list_salon_bans(p_salon_id uuid, p_after uuid, p_limit integer) to authenticated;

create function public.list_salon_decisions(p_salon_id uuid, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) returns jsonb language plpgsql stable security definer set search_path=""; -- body a22fae898637b923
grant execute on function public.list_salon_decisions(p_salon_id uuid, p_before bigint, p_limit integer) to authenticated;

create function public.list_salon_invitations(p_salon_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 9b515473dbe50d79
grant execute on function public.list_salon_invitations(p_salon_id uuid) to authenticated;

create function public.list_salon_members(p_salon_id uuid, p_after uuid DEFAULT NULL::uuid, p_limit integer DEFAULT 100) returns jsonb language plpgsql stable set search_path=""; -- body 1939a0c05a46fca9
grant execute on function public.list_salon_members(p_salon_id uuid, p_after uuid, p_limit integer) to authenticated;

create function public.list_salon_reports(p_salon_id uuid, p_after bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) returns jsonb language plpgsql stable security definer set search_path=""; -- body d143dc100a5c708c
grant execute on function public.list_salon_reports(p_salon_id uuid, p_after bigint, p_limit integer) to authenticated;

create function public.list_salon_words(p_salon_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 87bcbe6d0dde0dbf
grant execute on function public.list_salon_words(p_salon_id uuid) to authenticated;

create function public.list_token_grants(p_wallet_id uuid, p_actor_id uuid DEFAULT NULL::uuid, p_before_entry bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 100) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4a8d92f30a33091e
grant execute on function public.list_token_grants(p_wallet_id uuid, p_actor_id uuid, p_before_entry bigint, p_limit integer) to service_role;

create function public.list_tokens(p_namespace text, p_after text DEFAULT ''::text, p_limit integer DEFAULT 500) returns jsonb language sql stable security definer set search_path=""; -- body 86aed52a3fb707c5
grant execute on function public.list_tokens(p_namespace text, p_after text, p_limit integer) to service_role;

create function public.list_wallet_invitations(p_user_id uuid, p_wallet_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 66fa2f32823b979c
grant execute on function public.list_wallet_invitations(p_user_id uuid, p_wallet_id uuid) to service_role;

create function public.list_wallet_members(p_user_id uuid, p_wallet_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body b61f0141171b8cb5
grant execute on function public.list_wallet_members(p_user_id uuid, p_wallet_id uuid) to service_role;

create function public.list_wallets(p_user_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 3f42ded15628fc76
grant execute on function public.list_wallets(p_user_id uuid) to service_role;

create function public.mark_read(p_salon_id uuid, p_seq bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 60884d0783a8d677
grant execute on function public.mark_read(p_salon_id uuid, p_seq bigint) to authenticated;

create function public.may_present_salon(p_user_id uuid, p_salon_id uuid) returns boolean language sql stable security definer set search_path=""; -- body 823679f9218d129f
grant execute on function public.may_present_salon(p_user_id uuid, p_salon_id uuid) to service_role;

create function public.message_history(p_message_id bigint) returns jsonb language plpgsql stable security definer set search_path=""; -- body 20d9d1d0be794b6a
grant execute on function public.message_history(p_message_id bigint) to authenticated;

create function public.messages_after(p_salon_id uuid, p_after bigint, p_limit integer DEFAULT 100) returns jsonb language plpgsql stable security definer set search_path=""; -- body 8db4dcbc8fa44b95
grant execute on function public.messages_after(p_salon_id uuid, p_after bigint, p_limit integer) to authenticated;

create function public.messages_before(p_salon_id uuid, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) returns jsonb language plpgsql stable security definer set search_path=""; -- body c0285fb501e8c3c5
grant execute on function public.messages_before(p_salon_id uuid, p_before bigint, p_limit integer) to authenticated;

create function public.mute_salon_member(p_salon_id uuid, p_member_id uuid, p_duration_s integer DEFAULT NULL::integer, p_reason text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 7cadab57ab81b8ae
grant execute on function public.mute_salon_member(p_salon_id uuid, p_member_id uuid, p_duration_s integer, p_reason text) to authenticated;

create function public.my_blocks() returns TABLE(user_id uuid, full_name text, avatar_url text, blocked_at timestamp with time zone) language sql stable security definer set search_path=""; -- body 58025f3171081320
grant execute on function public.my_blocks() to authenticated;

create function public.my_messages(p_after uuid DEFAULT NULL::uuid, p_limit integer DEFAULT 100) returns jsonb language plpgsql stable security definer set search_path=""; -- body 1491f00abbe94cfa
grant execute on function public.my_messages(p_after uuid, p_limit integer) to authenticated;

create function public.my_salon_reports(p_limit integer DEFAULT 50) returns jsonb language plpgsql stable security definer set search_path=""; -- body 1d6d7cd25cff93f7
grant execute on function public.my_salon_reports(p_limit integer) to authenticated;

create function public.my_salon_standing(p_salon_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 139335a6cf1ee620
grant execute on function public.my_salon_standing(p_salon_id uuid) to authenticated;

create function public.note_caller_networks(p_seen jsonb) returns integer language plpgsql volatile security definer set search_path=""; -- body 5b8965390178d524
grant execute on function public.note_caller_networks(p_seen jsonb) to service_role;

create function public.oauth_status() returns jsonb language sql stable security definer set search_path=""; -- body ce18a945fdf9a29d
grant execute on function public.oauth_status() to service_role;

create function public.oauth_tokens_to_rotate(p_key_id text, p_after text DEFAULT ''::text, p_limit integer DEFAULT 500) returns jsonb language sql stable security definer set search_path=""; -- body 3c2decf982fa9b0c
grant execute on function public.oauth_tokens_to_rotate(p_key_id text, p_after text, p_limit integer) to service_role;

create function public.pause_account(p_user_id uuid, p_reason text) returns boolean language plpgsql volatile security definer set search_path=""; -- body 39324974b53482b4
grant execute on function public.pause_account(p_user_id uuid, p_reason text) to service_role;

create function public.pictures_to_remove(p_after_bucket text DEFAULT NULL::text, p_after_path text DEFAULT NULL::text, p_limit integer DEFAULT 1000) returns jsonb language plpgsql stable security definer set search_path=""; -- body 32b398af10c62f91
grant execute on function public.pictures_to_remove(p_after_bucket text, p_after_path text, p_limit integer) to service_role;

create function public.pin_message(p_message_id bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 9c1c06f6754640aa
grant execute on function public.pin_message(p_message_id bigint) to authenticated;

create function public.pinned_messages(p_salon_id uuid) returns jsonb language plpgsql stable security definer set search_path=""; -- body 63018e8a9adc6ffa
grant execute on function public.pinned_messages(p_salon_id uuid) to authenticated;

create function public.prove_token_key(p_key_id text, p_proof text) returns text language sql volatile security definer set search_path=""; -- body 41c14877e2aa86f0
grant execute on function public.prove_token_key(p_key_id text, p_proof text) to service_role;

create function public.provider_token_status(p_source text, p_key_ids text[], p_limit integer DEFAULT 20) returns jsonb language plpgsql stable security definer set search_path=""; -- body b5229808e16922cf
grant execute on function public.provider_token_status(p_source text, p_key_ids text[], p_limit integer) to service_role;

create function public.provider_tokens_to_rotate(p_key_id text, p_after text, p_limit integer, p_key_name text, p_request_id text) returns jsonb language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body 181e04dce7ff43b3
grant execute on function public.provider_tokens_to_rotate(p_key_id text, p_after text, p_limit integer, p_key_name text, p_request_id text) to service_role;

create function public.put_provider_tokens(p_source text, p_fence bigint, p_tokens jsonb, p_rejections jsonb, p_next_cursor text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body b3baadd7f735b392
grant execute on function public.put_provider_tokens(p_source text, p_fence bigint, p_tokens jsonb, p_rejections jsonb, p_next_cursor text) to service_role;

create function public.read_metrics() returns jsonb language plpgsql stable security definer set search_path=""; -- body eb36cf9f38e7f8ac
grant execute on function public.read_metrics() to service_role;

create function public.read_oauth_lease(p_key text, p_provider text) returns jsonb language sql stable security definer set search_path=""; -- body f22214c343c95099
grant execute on function public.read_oauth_lease(p_key text, p_provider text) to service_role;

create function public.read_provider_token(p_account_name text, p_key_name text, p_request_id text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body c54da043a33c0ee2
grant execute on function public.read_provider_token(p_account_name text, p_key_name text, p_request_id text) to service_role;

create function public.read_tokens(p_keys jsonb) returns jsonb language sql stable security definer set search_path=""; -- body ab91f797543c94dc
grant execute on function public.read_tokens(p_keys jsonb) to service_role;

create function public.record_otp_delivery(p_issuance_id uuid, p_delivery text, p_attempts jsonb, p_message_id text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 9bf282d1fe0197f7
grant execute on function public.record_otp_delivery(p_issuance_id uuid, p_delivery text, p_attempts jsonb, p_message_id text) to service_role;

create function public.record_otp_report(p_issuance_id uuid, p_provider text, p_message_id text, p_is_delivered boolean, p_is_fault boolean) returns jsonb language plpgsql volatile security definer set search_path=""; -- body dd17726868c65e93
grant execute on function public.record_otp_report(p_issuance_id uuid, p_provider text, p_message_id text, p_is_delivered boolean, p_is_fault boolean) to service_role;

create function public.record_request_metrics(p_flush_id uuid, p_series jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 164b68aae57631da
grant execute on function public.record_request_metrics(p_flush_id uuid, p_series jsonb) to service_role;

create function public.record_token_anomaly(p_user_id uuid, p_anomaly_type text, p_severity text, p_occurrence text, p_details jsonb DEFAULT '{}'::jsonb) returns void language sql volatile security definer set search_path=""; -- body d9175bb5724ed225
grant execute on function public.record_token_anomaly(p_user_id uuid, p_anomaly_type text, p_severity text, p_occurrence text, p_details jsonb) to service_role;

create function public.refund_tokens(p_request_id text, p_refund_id text, p_amount numeric DEFAULT NULL::numeric, p_reason text DEFAULT NULL::text, p_wallet_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body dc7e34294fa05357
grant execute on function public.refund_tokens(p_request_id text, p_refund_id text, p_amount numeric, p_reason text, p_wallet_id uuid) to service_role;

create function public.release_tokens(p_request_id text, p_user_id uuid, p_attempt integer, p_reason text DEFAULT NULL::text, p_metadata jsonb DEFAULT NULL::jsonb, p_run_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e5a369530923c257
grant execute on function public.release_tokens(p_request_id text, p_user_id uuid, p_attempt integer, p_reason text, p_metadata jsonb, p_run_id uuid) to service_role;

create function public.remove_salon_word(p_salon_id uuid, p_word text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 63144005a6a3146f
grant execute on function public.remove_salon_word(p_salon_id uuid, p_word text) to authenticated;

create function public.remove_wallet_member(p_user_id uuid, p_wallet_id uuid, p_member_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body b638bc5a9bdc2be4
grant execute on function public.remove_wallet_member(p_user_id uuid, p_wallet_id uuid, p_member_id uuid) to service_role;

create function public.rename_wallet(p_user_id uuid, p_wallet_id uuid, p_name text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 2d15b74da9021d41
grant execute on function public.rename_wallet(p_user_id uuid, p_wallet_id uuid, p_name text) to service_role;

create function public.renew_grant(p_wallet_id uuid, p_request_id text, p_source text, p_new_source text, p_amount numeric, p_expires_at timestamp with time zone, p_reason text, p_cap_tokens numeric DEFAULT NULL::numeric, p_cap_percent numeric DEFAULT NULL::numeric, p_rollover_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_priority integer DEFAULT 50, p_metadata jsonb DEFAULT NULL::jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body ccfa50fc845402d4
grant execute on function public.renew_grant(p_wallet_id uuid, p_request_id text, p_source text, p_new_source text, p_amount numeric, p_expires_at timestamp with time zone, p_reason text, p_cap_tokens numeric, p_cap_percent numeric, p_rollover_expires_at timestamp with time zone, p_priority integer, p_metadata jsonb) to service_role;

create function public.renew_salon_code(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8cc4dfd4fba5f6e9
grant execute on function public.renew_salon_code(p_salon_id uuid) to authenticated;

create function public.replay_alerts(p_endpoint_id uuid, p_alert_ids bigint[], p_limit integer) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 43b8dc2ae7647169
grant execute on function public.replay_alerts(p_endpoint_id uuid, p_alert_ids bigint[], p_limit integer) to service_role;

create function public.report_message(p_message_id bigint, p_reason text, p_explanation text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e670dc6b2f1947b8
grant execute on function public.report_message(p_message_id bigint, p_reason text, p_explanation text) to authenticated;

create function public.report_salon_member(p_salon_id uuid, p_member_id uuid, p_reason text, p_explanation text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 66ab3deb06d186dd
grant execute on function public.report_salon_member(p_salon_id uuid, p_member_id uuid, p_reason text, p_explanation text) to authenticated;

create function public.request_otp(p_phone text, p_country text, p_purpose text, p_channel text, p_network text, p_key_id text, p_mac text, p_providers text[], p_cost_micros integer, p_user_id uuid DEFAULT NULL::uuid, p_request_key text DEFAULT NULL::text, p_auth_user_id uuid DEFAULT NULL::uuid, p_test_mac text DEFAULT NULL::text, p_test_until timestamp with time zone DEFAULT NULL::timestamp with time zone, p_wide_network text DEFAULT NULL::text, p_address text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 5523199e13f0eb5f
grant execute on function public.request_otp(p_phone text, p_country text, p_purpose text, p_channel text, p_network text, p_key_id text, p_mac text, p_providers text[], p_cost_micros integer, p_user_id uuid, p_request_key text, p_auth_user_id uuid, p_test_mac text, p_test_until timestamp with time zone, p_wide_network text, p_address text) to service_role;

create function public.reseal_alert_endpoint(p_endpoint_id uuid, p_old_sealed text, p_sealed text, p_keep_previous_secret interval DEFAULT NULL::interval) returns boolean language plpgsql volatile security definer set search_path=""; -- body 6c4eae3a6023bd82
grant execute on function public.reseal_alert_endpoint(p_endpoint_id uuid, p_old_sealed text, p_sealed text, p_keep_previous_secret interval) to service_role;

create function public.resolve_token_anomaly(p_id bigint, p_by text, p_note text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 617143fb05a94e4d
grant execute on function public.resolve_token_anomaly(p_id bigint, p_by text, p_note text) to service_role;

create function public.restore_salon(p_salon_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 13fe283293c353be
grant execute on function public.restore_salon(p_salon_id uuid) to authenticated;

create function public.resume_account(p_user_id uuid) returns boolean language plpgsql volatile security definer set search_path=""; -- body 6da9fa2f99bcc1d1
grant execute on function public.resume_account(p_user_id uuid) to service_role;

create function public.revoke_oauth_lease(p_key text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 0aaf87de971f282a
grant execute on function public.revoke_oauth_lease(p_key text) to service_role;

create function public.revoke_salon_invitation(p_salon_id uuid, p_invitation_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 110d422931c107fc
grant execute on function public.revoke_salon_invitation(p_salon_id uuid, p_invitation_id uuid) to authenticated;

create function public.roll_over_grant(p_wallet_id uuid, p_source text, p_request_id text, p_cap_tokens numeric DEFAULT NULL::numeric, p_cap_percent numeric DEFAULT NULL::numeric, p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_reason text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8d7463ffa816b0d8
grant execute on function public.roll_over_grant(p_wallet_id uuid, p_source text, p_request_id text, p_cap_tokens numeric, p_cap_percent numeric, p_expires_at timestamp with time zone, p_reason text) to service_role;

create function public.rotate_oauth_tokens(p_replacements jsonb) returns integer language plpgsql volatile security definer set search_path=""; -- body a56b7acf7cb73e43
grant execute on function public.rotate_oauth_tokens(p_replacements jsonb) to service_role;

create function public.rotate_provider_tokens(p_replacements jsonb) returns integer language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body ebc04e0dc6dad88b
grant execute on function public.rotate_provider_tokens(p_replacements jsonb) to service_role;

create function public.rpc_check_inactive_users() returns jsonb language plpgsql volatile security definer set search_path=""; -- body aabe48d3b60777e0
grant execute on function public.rpc_check_inactive_users() to authenticated;

create function public.rpc_set_manual_status(p_status text, p_until timestamp with time zone DEFAULT NULL::timestamp with time zone) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 943e855bf3b3c88c
grant execute on function public.rpc_set_manual_status(p_status text, p_until timestamp with time zone) to authenticated;

create function public.rpc_update_activity(p_current_salon_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 4c857a7d10e2be7f
grant execute on function public.rpc_update_activity(p_current_salon_id uuid) to authenticated;

create function public.run_job(p_name text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 71a2b77bb420f371
grant execute on function public.run_job(p_name text) to service_role;

create function public.run_token_operations(p_operations jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 361f7e7daaacb908
grant execute on function public.run_token_operations(p_operations jsonb) to service_role;

create function public.search_messages(p_query text, p_salon_id uuid DEFAULT NULL::uuid, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 20) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e4749bab3d203bc9
grant execute on function public.search_messages(p_query text, p_salon_id uuid, p_before bigint, p_limit integer) to authenticated;

create function public.search_profiles(p_query text DEFAULT NULL::text, p_city text DEFAULT NULL::text, p_limit integer DEFAULT 20) returns jsonb language plpgsql volatile security definer set search_path="" set plan_cache_mode=force_custom_plan; -- body f15334402569921d
grant execute on function public.search_profiles(p_query text, p_city text, p_limit integer) to authenticated;

create function public.send_message(p_salon_id uuid, p_content text, p_client_id uuid, p_reply_to_id bigint DEFAULT NULL::bigint, p_mentions uuid[] DEFAULT '{}'::uuid[], p_attachments text[] DEFAULT '{}'::text[]) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 8fb3e987bb9edd59
grant execute on function public.send_message(p_salon_id uuid, p_content text, p_client_id uuid, p_reply_to_id bigint, p_mentions uuid[], p_attachments text[]) to authenticated;

create function public.set_account_plan(p_user_id uuid, p_plan text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 2d938e83aed1ad4c
grant execute on function public.set_account_plan(p_user_id uuid, p_plan text) to service_role;

create function public.set_member_cap(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_monthly_cap_tokens bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body caf8674761fa8d5c
grant execute on function public.set_member_cap(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_monthly_cap_tokens bigint) to service_role;

create function public.set_profile_picture(p_user_id uuid, p_bucket text, p_url text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body ec46c78677dbb4ca
grant execute on function public.set_profile_picture(p_user_id uuid, p_bucket text, p_url text) to service_role;

create function public.set_salon_avatar(p_user_id uuid, p_salon_id uuid, p_url text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 973730fec62a71e3
grant execute on function public.set_salon_avatar(p_user_id uuid, p_salon_id uuid, p_url text) to service_role;

create function public.set_salon_role(p_salon_id uuid, p_member_id uuid, p_role text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 44a8d90ff74191ec
grant execute on function public.set_salon_role(p_salon_id uuid, p_member_id uuid, p_role text) to authenticated;

create function public.set_slow_mode(p_salon_id uuid, p_seconds integer) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 285aa2f9cb4ddfc1
grant execute on function public.set_slow_mode(p_salon_id uuid, p_seconds integer) to authenticated;

create function public.set_spend_caps(p_user_id uuid, p_daily_tokens bigint, p_monthly_tokens bigint, p_actor_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 97692427948ede25
grant execute on function public.set_spend_caps(p_user_id uuid, p_daily_tokens bigint, p_monthly_tokens bigint, p_actor_id uuid) to service_role;

create function public.set_wallet_role(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_role text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body bfcd64227bed4063
grant execute on function public.set_wallet_role(p_user_id uuid, p_wallet_id uuid, p_member_id uuid, p_role text) to service_role;

create function public.settle_tokens(p_request_id text, p_user_id uuid, p_attempt integer, p_token_amount numeric DEFAULT NULL::numeric, p_metadata jsonb DEFAULT NULL::jsonb, p_response_head text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 96d435896baea476
grant execute on function public.settle_tokens(p_request_id text, p_user_id uuid, p_attempt integer, p_token_amount numeric, p_metadata jsonb, p_response_head text) to service_role;

create function public.take_call_limit(p_user_id uuid, p_name text, p_rule jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 99e3e9423d3a27e9
grant execute on function public.take_call_limit(p_user_id uuid, p_name text, p_rule jsonb) to service_role;

create function public.take_oauth_authorization(p_state_hash text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 76d08317e94e875c
grant execute on function public.take_oauth_authorization(p_state_hash text) to service_role;

create function public.take_rate_limits(p_limits jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body c093cd5ff063bb8e
grant execute on function public.take_rate_limits(p_limits jsonb) to service_role;

create function public.take_removed_attachments(p_limit integer DEFAULT 1000) returns TABLE(bucket text, path text) language plpgsql volatile security definer set search_path=""; -- body 24f8e4b98083728a
grant execute on function public.take_removed_attachments(p_limit integer) to service_role;

create function public.toggle_message_reaction(p_message_id bigint, p_emoji text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body cac2053ce0f8bcc6
grant execute on function public.toggle_message_reaction(p_message_id bigint, p_emoji text) to authenticated;

create function public.transfer_salon(p_salon_id uuid, p_member_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 11949c90d4c25c78
grant execute on function public.transfer_salon(p_salon_id uuid, p_member_id uuid) to authenticated;

create function public.transfer_wallet(p_user_id uuid, p_wallet_id uuid, p_member_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body a658e967a5befd23
grant execute on function public.transfer_wallet(p_user_id uuid, p_wallet_id uuid, p_member_id uuid) to service_role;

create function public.unblock_user(p_user_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body bd1468bb13ca3fba
grant execute on function public.unblock_user(p_user_id uuid) to authenticated;

create function public.unmute_salon_member(p_salon_id uuid, p_member_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body e70212492ae2c052
grant execute on function public.unmute_salon_member(p_salon_id uuid, p_member_id uuid) to authenticated;

create function public.unpin_message(p_message_id bigint) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 0685d9f4c7fcf9d2
grant execute on function public.unpin_message(p_message_id bigint) to authenticated;

create function public.unread_counts() returns TABLE(salon_id uuid, unread integer, last_seq bigint, last_read_seq bigint, last_message_at timestamp with time zone) language plpgsql stable security definer set search_path=""; -- body cee3d9f05c11d604
grant execute on function public.unread_counts() to authenticated;

create function public.update_user_activity(p_user_id uuid DEFAULT NULL::uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body fa90fccbb91a774a
grant execute on function public.update_user_activity(p_user_id uuid) to authenticated;

create function public.use_otp_proof(p_id uuid, p_expires_at_s bigint) returns text language plpgsql volatile security definer set search_path=""; -- body 11834cb48347588d
grant execute on function public.use_otp_proof(p_id uuid, p_expires_at_s bigint) to service_role;

create function public.user_is_salon_member(p_salon_id uuid, p_user_id uuid DEFAULT NULL::uuid) returns boolean language plpgsql stable set search_path=""; -- body 8e9895f3482ecf32
grant execute on function public.user_is_salon_member(p_salon_id uuid, p_user_id uuid) to authenticated;

create function public.verify_community() returns TABLE(invariant text, subject text, details jsonb) language plpgsql stable security definer set search_path=""; -- body 850e421c34a016d3
grant execute on function public.verify_community() to service_role;

create function public.verify_otp(p_phone text, p_purpose text, p_macs jsonb, p_network text, p_challenge_id uuid DEFAULT NULL::uuid, p_user_id uuid DEFAULT NULL::uuid, p_wide_network text DEFAULT NULL::text) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 03cfe370e522dee4
grant execute on function public.verify_otp(p_phone text, p_purpose text, p_macs jsonb, p_network text, p_challenge_id uuid, p_user_id uuid, p_wide_network text) to service_role;

create function public.verify_token_chain() returns TABLE(user_id uuid, entry_number bigint, request_id text, problem text) language plpgsql stable security definer set search_path=""; -- body 83f6f1694fd4bdbc
grant execute on function public.verify_token_chain() to service_role;

create function public.verify_token_ledger() returns TABLE(invariant text, user_id uuid, request_id text, details jsonb) language plpgsql stable security definer set search_path=""; -- body bdd23ceab8f2a4f8
grant execute on function public.verify_token_ledger() to service_role;

create function public.wallet_state(p_wallet_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 002c5d69a8e41c19
grant execute on function public.wallet_state(p_wallet_id uuid) to service_role;

create function public.wallet_usage(p_user_id uuid, p_wallet_id uuid, p_month date DEFAULT NULL::date) returns jsonb language plpgsql stable security definer set search_path=""; -- body a33f83aad7b9ba6b
grant execute on function public.wallet_usage(p_user_id uuid, p_wallet_id uuid, p_month date) to service_role;

create function public.watch_wallet(p_user_id uuid, p_wallet_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 848dd1a748ff3ac4
grant execute on function public.watch_wallet(p_user_id uuid, p_wallet_id uuid) to service_role;

create function public.withdraw_wallet_invitation(p_user_id uuid, p_wallet_id uuid, p_invitation_id uuid) returns jsonb language plpgsql volatile security definer set search_path=""; -- body f96a1a69ae7ec47c
grant execute on function public.withdraw_wallet_invitation(p_user_id uuid, p_wallet_id uuid, p_invitation_id uuid) to service_role;

create function public.write_tokens(p_entries jsonb) returns jsonb language plpgsql volatile security definer set search_path=""; -- body 678b2bd9c280416a
grant execute on function public.write_tokens(p_entries jsonb) to service_role;

create function token_history.alter_briefly(p_commands text) returns void language plpgsql volatile set search_path="" set lock_timeout=100ms; -- body 2738c6923b69fe1c
