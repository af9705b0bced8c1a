-- Reports: a member tells those who decide in a salon of a message or of another member; they decide, and the member hears
-- what came of it. Whoever is reported does not see the report: those who outrank that one do, and operators all.

-- Tables --------------------------------------------------------------------------------------------------------

create table private.salon_reports (
  id bigint generated always as identity,
  salon_id uuid not null,
  reporter_id uuid,
  subject_id uuid,
  message_id bigint,
  content text,
  reason text not null,
  explanation text,
  status text not null default 'open',
  decided_by uuid,
  decided_at timestamptz,
  note text,
  created_at timestamptz not null default clock_timestamp(),
  constraint salon_reports_pkey primary key (id),
  constraint salon_reports_salon_fkey foreign key (salon_id) references public.salons (id) on delete cascade,
  constraint salon_reports_reason_known check (reason in ('spam', 'harassment', 'hate', 'violence', 'sexual', 'other')),
  constraint salon_reports_status_known check (status in ('open', 'dismissed', 'upheld')),
  constraint salon_reports_explanation_short check (char_length(explanation) between 1 and 1000),
  constraint salon_reports_note_short check (char_length(note) between 1 and 1000),
  constraint salon_reports_decided_once check ((status = 'open') = (decided_at is null))
);

create index salon_reports_queue_idx on private.salon_reports (salon_id, id) where status = 'open';
create index salon_reports_open_idx on private.salon_reports (id) where status = 'open';
create index salon_reports_salon_id_idx on private.salon_reports (salon_id);
create index salon_reports_subject_id_idx on private.salon_reports (subject_id);
create index salon_reports_decided_by_idx on private.salon_reports (decided_by);
create index salon_reports_created_at_idx on private.salon_reports (created_at);
-- The same report again is the same report.
create unique index salon_reports_message_once on private.salon_reports (reporter_id, message_id) where message_id is not null;
create unique index salon_reports_member_once on private.salon_reports (reporter_id, salon_id, subject_id)
  where message_id is null and status = 'open';

comment on table private.salon_reports is 'What members of a salon told those who decide there. Kept for 90 days after the decision.';
comment on column private.salon_reports.salon_id is 'Where it happened.';
comment on column private.salon_reports.reporter_id is 'Who reports; null once that one was forgotten.';
comment on column private.salon_reports.subject_id is 'Who is reported: the author of the message, or a member; null once that one was forgotten.';
comment on column private.salon_reports.message_id is 'The message, if it is about one. No foreign key: messages move to the archive.';
comment on column private.salon_reports.content is 'The message as it was when it was reported: its author may have changed or deleted it.';
comment on column private.salon_reports.reason is 'spam, harassment, hate, violence, sexual or other.';
comment on column private.salon_reports.explanation is 'In the words of who reports.';
comment on column private.salon_reports.status is 'open; dismissed: nothing is wrong; upheld: something is, and something was done.';
comment on column private.salon_reports.decided_by is 'Who decided; null: an operator, or somebody who was forgotten.';
comment on column private.salon_reports.decided_at is 'When that was.';
comment on column private.salon_reports.note is 'What who decided wants to be known.';

-- Policies ------------------------------------------------------------------------------------------------------

alter table private.salon_reports enable row level security;

create policy "nobody but the functions" on private.salon_reports using (false);

-- Functions: report ---------------------------------------------------------------------------------------------

create function private.file_report(
  p_salon_id uuid,
  p_subject_id uuid,
  p_message_id bigint,
  p_content text,
  p_reason text,
  p_explanation text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_user_id constant uuid := auth.uid();
  v_id bigint;
begin
  if p_subject_id = v_user_id then
    return private.community_refusal('invalid_request', 'Nobody reports itself');
  elsif (select count(*) from private.salon_reports
      where salon_id = p_salon_id and reporter_id = v_user_id and status = 'open') >= 10
  then
    return private.community_refusal('salon_limit_reached', 'Ten of your reports are not decided yet');
  end if;
  insert into private.salon_reports (salon_id, reporter_id, subject_id, message_id, content, reason, explanation)
  values (p_salon_id, v_user_id, p_subject_id, p_message_id, p_content, p_reason, p_explanation)
  on conflict do nothing
  returning id into v_id;
  return private.community_done(jsonb_build_object('report_id', coalesce(v_id, (
    select id from private.salon_reports
    where reporter_id = v_user_id and salon_id = p_salon_id and message_id is not distinct from p_message_id
      and (p_message_id is not null or (subject_id = p_subject_id and status = 'open'))
    limit 1))));
end;
$$;

comment on function private.file_report(uuid, uuid, bigint, text, text, text) is
  'Keeps a report of the caller; the same again is the same. Its caller has entered the salon.';

create function private.begin_report(p_reason text, p_explanation text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if (p_reason in ('spam', 'harassment', 'hate', 'violence', 'sexual', 'other')) is not true
    or char_length(p_explanation) > 1000
  then
    return private.community_refusal('invalid_request', 'Expected are a reason (spam, harassment, hate, violence, sexual, other) '
      'and an explanation of at most 1000 characters');
  end if;
  return private.begin_salon_call('salons/report', 20, 3600);
end;
$$;

comment on function private.begin_report(text, text) is 'What each report begins with: null if it may go on, else the refusal.';

create function public.report_message(p_message_id bigint, p_reason text, p_explanation text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_explanation constant text := private.tidy_text(p_explanation);
  v_refusal jsonb;
  v_salon_id uuid;
  v_place private.salon_place;
  v_message public.chat_messages;
begin
  v_refusal := private.begin_report(p_reason, v_explanation);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon_id := private.salon_of_message(p_message_id);
  v_place := private.enter_salon(v_salon_id);
  select * into v_message from public.chat_messages where id = p_message_id;
  if v_place.role is null or v_message.is_deleted is not false then
    return private.no_such_message();
  end if;
  return private.file_report(v_salon_id, v_message.user_id, p_message_id, v_message.content, p_reason, v_explanation);
end;
$$;

comment on function public.report_message(bigint, text, text) is
  'Tells those who decide in a salon of a message, as it is now. The same again is the same report. Returns success, error, '
  'report_id. Errors: invalid_request, unauthorized, rate_limited, not_found, salon_limit_reached (ten that are not decided).';

create function public.report_salon_member(
  p_salon_id uuid,
  p_member_id uuid,
  p_reason text,
  p_explanation text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_explanation constant text := private.tidy_text(p_explanation);
  v_refusal jsonb;
  v_place private.salon_place;
begin
  v_refusal := private.begin_report(p_reason, v_explanation);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_place := private.enter_salon(p_salon_id);
  if v_place.role is null or private.role_in_salon(p_salon_id, p_member_id) is null then
    return private.community_refusal('not_found', 'There is no such member in a salon of yours');
  end if;
  return private.file_report(p_salon_id, p_member_id, null, null, p_reason, v_explanation);
end;
$$;

comment on function public.report_salon_member(uuid, uuid, text, text) is
  'Tells those who decide in a salon of a member. The same again is the same report, until it is decided. Returns success, '
  'error, report_id. Errors: invalid_request, unauthorized, rate_limited, not_found, salon_limit_reached.';

create function public.my_salon_reports(p_limit integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.community_done(jsonb_build_object('reports', (
    select coalesce(jsonb_agg(jsonb_build_object('report_id', id, 'salon_id', salon_id, 'message_id', message_id,
      'subject_id', subject_id, 'reason', reason, 'explanation', explanation, 'status', status, 'note', note,
      'decided_at', decided_at, 'created_at', created_at) order by id desc), '[]')
    from (
      select * from private.salon_reports where reporter_id = auth.uid()
      order by id desc limit least(greatest(coalesce(p_limit, 50), 1), 200)
    ) as latest)));
end;
$$;

comment on function public.my_salon_reports(integer) is 'What the caller has reported, and what came of it, the latest first.';

-- Functions: decide ---------------------------------------------------------------------------------------------

create function private.report_for_those_who_decide(p_report private.salon_reports)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('report_id', p_report.id, 'salon_id', p_report.salon_id, 'reporter_id', p_report.reporter_id,
    'subject_id', p_report.subject_id, 'message_id', p_report.message_id, 'content', p_report.content,
    'reason', p_report.reason, 'explanation', p_report.explanation, 'created_at', p_report.created_at);
$$;

comment on function private.report_for_those_who_decide(private.salon_reports) is 'What a queue shows of a report.';

create function public.list_salon_reports(p_salon_id uuid, p_after bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_role constant text := private.salon_role(p_salon_id);
  v_limit constant integer := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_reports jsonb;
begin
  if (v_role in ('owner', 'moderator')) is not true then
    return private.community_refusal('forbidden', 'Only the owner and the moderators of a salon see its reports');
  end if;
  select jsonb_agg(private.report_for_those_who_decide(page) order by page.id)
  into v_reports
  from (
    select reports.*
    from private.salon_reports as reports
    left join public.salon_members as subjects
      on subjects.salon_id = reports.salon_id and subjects.user_id = reports.subject_id
    where reports.salon_id = p_salon_id and reports.status = 'open' and (p_after is null or reports.id > p_after)
      and private.outranks(v_role, subjects.role)
    order by reports.id limit v_limit
  ) as page;
  return private.community_done(jsonb_build_object('reports', coalesce(v_reports, '[]'),
    'next_after', case when jsonb_array_length(v_reports) = v_limit then v_reports #> '{-1,report_id}' end));
end;
$$;

comment on function public.list_salon_reports(uuid, bigint, integer) is
  'The queue of a salon: open reports about those whom the caller outranks, the oldest first, after p_after (next_after of the '
  'page before). For owner and moderators. Errors: forbidden.';

create function private.close_report(p_report_id bigint, p_decision text, p_note text, p_decided_by uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_report private.salon_reports;
begin
  update private.salon_reports
  set status = p_decision, note = p_note, decided_by = p_decided_by, decided_at = clock_timestamp()
  where id = p_report_id and status = 'open'
  returning * into v_report;
  if not found then
    -- Where the answer was lost, the second call finds the work done.
    return exists (
      select from private.salon_reports
      where id = p_report_id and status = p_decision and note is not distinct from p_note
        and decided_by is not distinct from p_decided_by);
  end if;
  perform private.note_decision(v_report.salon_id, 'report_' || p_decision, v_report.subject_id, p_note,
    jsonb_build_object('report_id', v_report.id, 'message_id', v_report.message_id));
  return true;
end;
$$;

comment on function private.close_report(bigint, text, text, uuid) is
  'Decides an open report and records it; whether it is now decided so by this one. Its caller has locked the salon.';

create function private.is_decision(p_decision text, p_note text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select coalesce(p_decision in ('dismissed', 'upheld') and (p_note is null or char_length(p_note) between 1 and 500), false);
$$;

comment on function private.is_decision(text, text) is 'Whether these are a decision about a report and a note to it.';

create function public.decide_salon_report(p_report_id bigint, p_decision text, p_note text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_note constant text := private.tidy_line(p_note);
  v_refusal jsonb;
  v_report private.salon_reports;
begin
  select * into v_report from private.salon_reports where id = p_report_id;
  v_refusal := private.begin_with_role(v_report.salon_id, array['owner', 'moderator']);
  if v_refusal is not null then
    -- One answer for a report that there is not and for one of a salon of others.
    return v_refusal;
  elsif private.outranks(private.salon_role(v_report.salon_id),
    private.role_in_salon(v_report.salon_id, v_report.subject_id)) is not true
  then
    return private.community_refusal('forbidden', 'An owner decides about all others, a moderator about members');
  elsif not private.is_decision(p_decision, v_note) then
    return private.community_refusal('invalid_request', 'A decision is dismissed or upheld, with a note of at most 500 characters');
  elsif not private.close_report(p_report_id, p_decision, v_note, auth.uid()) then
    return private.community_refusal('already_decided', 'Somebody else has decided this report');
  end if;
  return private.community_done();
end;
$$;

comment on function public.decide_salon_report(bigint, text, text) is
  'Decides a report: dismissed or upheld. Who reported reads it in my_salon_reports. For those who outrank who is reported. '
  'May be repeated. Errors: unauthorized, rate_limited, forbidden, invalid_request, already_decided.';

create function public.list_open_reports(p_after bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_limit constant integer := least(greatest(coalesce(p_limit, 50), 1), 200);
  v_reports jsonb;
begin
  select jsonb_agg(private.report_for_those_who_decide(page) order by page.id)
  into v_reports
  from (
    select reports.* from private.salon_reports as reports
    where reports.status = 'open' and (p_after is null or reports.id > p_after)
    order by reports.id limit v_limit
  ) as page;
  return private.community_done(jsonb_build_object('reports', coalesce(v_reports, '[]'),
    'next_after', case when jsonb_array_length(v_reports) = v_limit then v_reports #> '{-1,report_id}' end));
end;
$$;

comment on function public.list_open_reports(bigint, integer) is
  'All open reports, also those about owners, the oldest first, after p_after (next_after of the page before): for operators.';

create function public.decide_report(p_report_id bigint, p_decision text, p_note text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_note constant text := private.tidy_line(p_note);
begin
  if not private.is_decision(p_decision, v_note) then
    return private.community_refusal('invalid_request', 'A decision is dismissed or upheld, with a note of at most 500 characters');
  end if;
  perform private.lock_salon((select salon_id from private.salon_reports where id = p_report_id));
  if not private.close_report(p_report_id, p_decision, v_note, null) then
    return private.community_refusal('not_found', 'There is no such open report');
  end if;
  return private.community_done();
end;
$$;

comment on function public.decide_report(bigint, text, text) is
  'Decides any report: for operators. May be repeated. Errors: invalid_request, not_found (also of one that was decided '
  'otherwise).';

-- Functions: user data and jobs ---------------------------------------------------------------------------------

create function private.forget_salon_reports(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- In one order: a report is of two, who may be forgotten at the same time.
  perform from private.salon_reports
  where reporter_id = p_user_id or subject_id = p_user_id or decided_by = p_user_id
  order by id for update;
  update private.salon_reports set reporter_id = null, explanation = null where reporter_id = p_user_id;
  update private.salon_reports set subject_id = null, content = null, explanation = null where subject_id = p_user_id;
  update private.salon_reports set decided_by = null where decided_by = p_user_id;
end;
$$;

comment on function private.forget_salon_reports(uuid) is
  'A part of forget_user: reports stay, to be decided, without the user and without what was written by it or about it.';

create function private.export_salon_reports(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('salon_id', salon_id, 'message_id', message_id, 'reason', reason,
      'explanation', explanation, 'status', status, 'note', note, 'created_at', created_at, 'decided_at', decided_at)
      order by id), '[]')
    from (
      select * from private.salon_reports where reporter_id = p_user_id order by id desc limit 10000
    ) as latest);
end;
$$;

comment on function private.export_salon_reports(uuid) is 'A part of export_user_data: what a user has reported, the latest 10,000.';

create function private.cleanup_salon_reports(p_limit integer default 10000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from private.salon_reports
  where id = any(array(
    select id from private.salon_reports
    where created_at < now() - interval '90 days'
      and (decided_at < now() - interval '90 days' or created_at < now() - interval '1 year')
    order by created_at
    limit least(greatest(p_limit, 1), 100000)
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function private.cleanup_salon_reports(integer) is
  'Deletes reports that were decided 90 days ago, or that nobody decided within a year, at most p_limit. Returns how many.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.file_report(uuid, uuid, bigint, text, text, text),
  private.begin_report(text, text),
  private.report_for_those_who_decide(private.salon_reports),
  private.close_report(bigint, text, text, uuid),
  private.is_decision(text, text),
  private.forget_salon_reports(uuid),
  private.export_salon_reports(uuid),
  private.cleanup_salon_reports(integer),
  public.report_message(bigint, text, text),
  public.report_salon_member(uuid, uuid, text, text),
  public.my_salon_reports(integer),
  public.list_salon_reports(uuid, bigint, integer),
  public.decide_salon_report(bigint, text, text),
  public.list_open_reports(bigint, integer),
  public.decide_report(bigint, text, text)
from public, anon, authenticated;

grant execute on function
  public.report_message(bigint, text, text),
  public.report_salon_member(uuid, uuid, text, text),
  public.my_salon_reports(integer),
  public.list_salon_reports(uuid, bigint, integer),
  public.decide_salon_report(bigint, text, text)
to authenticated;

grant execute on function
  public.list_open_reports(bigint, integer),
  public.decide_report(bigint, text, text)
to service_role;

-- User data -----------------------------------------------------------------------------------------------------

insert into private.user_data (name, forget, export, description)
values ('salon_reports', 'forget_salon_reports', 'export_salon_reports', 'What a user reported in salons, and reports about it');

-- Jobs ----------------------------------------------------------------------------------------------------------

insert into private.jobs (
  name, schedule, kind, command, is_repeated, expected_result, timeout_ms, overdue_after, description
)
values
  ('cleanup_salon_reports', '42 3 * * *', 'sql', 'private.cleanup_salon_reports', true, null, 300000, '2 days',
    'Deletes reports that were decided 90 days ago, or that are a year old');

select private.install_schedule();

-- The linter calls an index unused until it has been read once.
do $$
begin
  perform set_config('enable_seqscan', 'off', true);
  perform set_config('enable_bitmapscan', 'off', true);
  perform set_config('enable_sort', 'off', true);
  perform 1 from private.salon_reports where status = 'open' order by salon_id, id limit 1;
  perform 1 from private.salon_reports where status = 'open' order by id limit 1;
  perform 1 from private.salon_reports where salon_id = gen_random_uuid();
  perform 1 from private.salon_reports where subject_id = gen_random_uuid();
  perform 1 from private.salon_reports where decided_by = gen_random_uuid();
  perform 1 from private.salon_reports where created_at < '-infinity';
  perform 1 from private.salon_reports where reporter_id = gen_random_uuid() and message_id = 0;
  perform 1 from private.salon_reports where reporter_id = gen_random_uuid() and salon_id = gen_random_uuid()
    and subject_id = gen_random_uuid() and message_id is null and status = 'open';
end;
$$;
