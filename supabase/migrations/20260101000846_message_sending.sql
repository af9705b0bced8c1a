-- Writing messages: send, edit, delete, pin.

-- Functions: send -----------------------------------------------------------------------------------------------

create function private.repeated_send(
  p_user_id uuid,
  p_salon_id uuid,
  p_content text,
  p_client_id uuid,
  p_reply_to_id bigint
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_message public.chat_messages;
  v_content text;
begin
  select * into v_message from public.chat_messages where user_id = p_user_id and client_id = p_client_id;
  if not found then
    return null;
  end if;
  -- As it was sent: it may have been edited since, and nothing is left of one that was deleted.
  select content into v_content from private.message_edits where message_id = v_message.id and number = 1;
  if v_message.salon_id <> p_salon_id or v_message.reply_to_id is distinct from p_reply_to_id
    or (not v_message.is_deleted and coalesce(v_content, v_message.content) <> p_content)
  then
    return private.community_refusal('idempotency_key_reused', 'Another message was sent with this client_id');
  end if;
  return private.community_done(jsonb_build_object('duplicate', true, 'id', v_message.id, 'seq', v_message.seq,
    'created_at', v_message.created_at));
end;
$$;

comment on function private.repeated_send(uuid, uuid, text, uuid, bigint) is
  'The outcome of a send that is a retry, or that has the id of another; null for a new one.';

create function private.take_place_in_stream(p_salon_id uuid, p_place private.salon_place, p_user_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_settings private.message_settings;
  v_stream private.salon_streams;
  v_now timestamptz;
  v_spacing interval;
  v_taken jsonb;
begin
  select * into v_settings from private.message_settings;
  select * into v_stream from private.salon_streams where salon_id = p_salon_id for no key update;
  -- Read under the lock, so that times follow the numbers.
  v_now := greatest(clock_timestamp(), v_stream.last_message_at);
  v_spacing := make_interval(secs => v_settings.salon_window_s::double precision / v_settings.salon_quota);
  if greatest(v_stream.quota_full_at, v_now) + v_spacing > v_now + make_interval(secs => v_settings.salon_window_s) then
    return private.community_refusal('rate_limited', 'This salon gets too many messages: try again later')
      || jsonb_build_object('retry_after_s', 1);
  end if;
  if p_place.slow_mode_s > 0 and p_place.role = 'member' then
    v_taken := public.take_rate_limits(jsonb_build_array(jsonb_build_object('name', 'slow_mode',
      -- A key like those of calls, so that it is forgotten with them.
      'key', 'call ' || p_user_id || ' slow mode ' || p_salon_id || ' ' || p_place.slow_mode_s,
      'quota', 1, 'window_s', p_place.slow_mode_s)));
    if not (v_taken ->> 'allowed')::boolean then
      return private.community_refusal('slow_mode', 'This salon is in slow mode: wait before you write again')
        || jsonb_build_object('retry_after_s', v_taken -> 'retry_after_s');
    end if;
  end if;
  update private.salon_streams
  set last_seq = last_seq + 1, message_count = message_count + 1, last_message_at = v_now,
    day = (v_now at time zone 'UTC')::date,
    day_count = case when day = (v_now at time zone 'UTC')::date then day_count + 1 else 1 end,
    quota_full_at = greatest(quota_full_at, v_now) + v_spacing
  where salon_id = p_salon_id;
  return jsonb_build_object('success', true, 'seq', v_stream.last_seq + 1, 'now', v_now);
end;
$$;

comment on function private.take_place_in_stream(uuid, private.salon_place, uuid) is
  'Gives a message its number and its time, within the salon''s quota and slow mode. The next one waits until this commits.';

create function private.tell_those_addressed(p_message public.chat_messages)
returns void
language sql
volatile
set search_path = ''
as $$
  select private.tell('user:' || members.user_id,
    case when members.user_id = p_message.reply_to_user_id then 'reply' else 'mention' end,
    jsonb_build_object('salon_id', p_message.salon_id, 'id', p_message.id, 'seq', p_message.seq))
  from public.salon_members as members
  where members.salon_id = p_message.salon_id
    and (members.user_id = any(p_message.mentions) or members.user_id = p_message.reply_to_user_id)
    and members.user_id <> p_message.user_id and members.notifications_enabled
    and members.user_id <> all(private.my_blocked_ids());
$$;

comment on function private.tell_those_addressed(public.chat_messages) is
  'Tells whom a message answers or mentions, unless one of the two has blocked the other.';

create function public.send_message(
  p_salon_id uuid,
  p_content text,
  p_client_id uuid,
  p_reply_to_id bigint default null,
  p_mentions uuid[] default '{}',
  p_attachments text[] default '{}'
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_content constant text := coalesce(private.tidy_text(left(p_content, 20000)), '');
  v_attachments constant text[] := coalesce(p_attachments, '{}');
  v_settings private.message_settings;
  v_outcome jsonb;
  v_place private.salon_place;
  v_replied public.chat_messages;
  v_mentions uuid[];
  v_word text;
  v_message public.chat_messages;
begin
  select * into v_settings from private.message_settings;
  if p_salon_id is null or p_client_id is null
    or char_length(v_content) > v_settings.content_characters
    or char_length(p_content) > 20000
    or (v_content = '' and cardinality(v_attachments) = 0)
    or cardinality(p_mentions) > v_settings.mentions_per_message
    or cardinality(v_attachments) > v_settings.attachments_per_message
    or v_user_id is null
  then
    return private.community_refusal('invalid_request', format('Expected are a salon, a client_id, and 1 to %s characters or up '
      'to %s attachments; up to %s mentions', v_settings.content_characters, v_settings.attachments_per_message,
      v_settings.mentions_per_message));
  end if;
  -- A retry waits for the first try, and finds what it wrote.
  perform pg_advisory_xact_lock(hashtextextended('message ' || p_client_id || ' of ' || v_user_id, 0));
  v_outcome := private.repeated_send(v_user_id, p_salon_id, v_content, p_client_id, p_reply_to_id);
  if v_outcome is not null then
    return v_outcome;
  end if;
  v_outcome := private.community_limit(v_user_id, 'messages/send', v_settings.user_quota, v_settings.user_window_s);
  if v_outcome is not null then
    return v_outcome;
  end if;
  if cardinality(v_attachments) > 0 and not private.can_attach(p_salon_id, v_attachments) then
    return private.community_refusal('attachment_not_found', 'Attachments are files that you have uploaded for this salon, each once');
  end if;

  v_place := private.enter_salon(p_salon_id);
  v_outcome := private.may_write(v_place);
  if v_outcome is not null then
    return v_outcome;
  end if;
  v_word := private.refused_word(p_salon_id, v_content);
  if v_word is not null then
    return private.community_refusal('word_refused', 'This salon does not take a word of it') || jsonb_build_object('word', v_word);
  end if;
  if p_reply_to_id is not null then
    select * into v_replied from public.chat_messages where id = p_reply_to_id and salon_id = p_salon_id;
    if v_replied.id is null or v_replied.is_deleted then
      return private.no_such_message();
    end if;
  end if;
  if cardinality(p_mentions) > 0 then
    v_mentions := array(
      select user_id from public.salon_members where salon_id = p_salon_id and user_id = any(p_mentions) order by user_id);
  end if;

  v_outcome := private.take_place_in_stream(p_salon_id, v_place, v_user_id);
  if not (v_outcome ->> 'success')::boolean then
    return v_outcome;
  end if;
  insert into public.chat_messages
    (salon_id, seq, user_id, client_id, content, reply_to_id, reply_to_user_id, mentions, created_at)
  values (p_salon_id, (v_outcome ->> 'seq')::bigint, v_user_id, p_client_id, v_content, v_replied.id, v_replied.user_id,
    coalesce(v_mentions, '{}'), (v_outcome ->> 'now')::timestamptz)
  returning * into v_message;
  if cardinality(v_attachments) > 0 then
    perform private.attach(v_message.id, p_salon_id, v_attachments);
  end if;
  perform private.tell('salon:' || p_salon_id, 'message', jsonb_build_object('id', v_message.id, 'seq', v_message.seq));
  if v_replied.user_id is not null or cardinality(v_message.mentions) > 0 then
    perform private.tell_those_addressed(v_message);
  end if;
  return private.community_done(jsonb_build_object('duplicate', false, 'id', v_message.id, 'seq', v_message.seq,
    'created_at', v_message.created_at));
end;
$$;

comment on function public.send_message(uuid, text, uuid, bigint, uuid[], text[]) is
  'Writes a message into a salon of the caller. p_client_id is a new UUID for each message, and the same in a retry: the retry '
  'gets the first outcome, with duplicate true. Mentions of who is no member are left out. Who had read all has read it. Returns success, error, duplicate, '
  'id, seq, created_at. Errors: invalid_request, not_found, salon_archived, muted (with muted_until), word_refused, slow_mode and '
  'rate_limited (with retry_after_s), attachment_not_found, idempotency_key_reused.';

-- Functions: edit, delete ---------------------------------------------------------------------------------------

create function public.edit_message(p_message_id bigint, p_content text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_content constant text := private.tidy_text(left(p_content, 20000));
  v_settings private.message_settings;
  v_salon_id uuid;
  v_place private.salon_place;
  v_message public.chat_messages;
  v_refusal jsonb;
  v_word text;
  v_now timestamptz;
  v_number integer;
begin
  select * into v_settings from private.message_settings;
  if p_message_id is null or char_length(p_content) > 20000
    or (char_length(v_content) between 1 and v_settings.content_characters) is not true
  then
    return private.community_refusal('invalid_request',
      format('Expected are a message and 1 to %s characters', v_settings.content_characters));
  end if;
  v_refusal := private.community_limit(v_user_id, 'messages/edit', 30, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon_id := private.salon_of_message(p_message_id);
  v_place := private.enter_salon(v_salon_id);
  if v_place.role is null then
    return private.no_such_message();
  end if;
  v_refusal := private.may_write(v_place);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_word := private.refused_word(v_salon_id, v_content);
  if v_word is not null then
    return private.community_refusal('word_refused', 'This salon does not take a word of it') || jsonb_build_object('word', v_word);
  end if;
  v_message := private.lock_message(p_message_id);
  v_now := clock_timestamp();
  if v_message.id is null or v_message.is_deleted then
    return private.no_such_message();
  elsif v_message.user_id is distinct from v_user_id then
    return private.community_refusal('forbidden', 'Only its author edits a message');
  elsif v_now > v_message.created_at + v_settings.edit_window then
    return private.community_refusal('edit_window_over', 'This message is too old to be edited');
  elsif v_message.content = v_content then
    return private.community_done(jsonb_build_object('id', p_message_id, 'edited_at', v_message.edited_at));
  end if;
  select count(*) + 1 into v_number from private.message_edits where message_id = p_message_id;
  if v_number > v_settings.edits_per_message then
    return private.community_refusal('limit_reached', 'This message was edited as often as one may be');
  end if;
  insert into private.message_edits (message_id, number, salon_id, content, replaced_at)
  values (p_message_id, v_number, v_salon_id, v_message.content, v_now);
  update public.chat_messages set content = v_content, edited_at = v_now where id = p_message_id;
  perform private.tell('salon:' || v_salon_id, 'message_edited', jsonb_build_object('id', p_message_id, 'seq', v_message.seq));
  return private.community_done(jsonb_build_object('id', p_message_id, 'edited_at', v_now));
end;
$$;

comment on function public.edit_message(bigint, text) is
  'Changes the text of the caller''s own message within 15 minutes; the earlier text is kept (message_history). Returns success, '
  'error, id, edited_at. Errors: invalid_request, not_found, forbidden, edit_window_over, limit_reached (20 edits), '
  'salon_archived, muted, word_refused, rate_limited.';

create function public.message_history(p_message_id bigint)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_salon_id uuid;
  v_author uuid;
  v_role text;
begin
  select salon_id, user_id into v_salon_id, v_author from public.chat_messages where id = p_message_id;
  v_role := private.salon_role(v_salon_id);
  if v_role is null then
    return private.no_such_message();
  elsif v_role = 'member' and v_author is distinct from (select auth.uid()) then
    return private.community_refusal('forbidden', 'Its author, the owner and moderators see what a message was');
  end if;
  return private.community_done(jsonb_build_object('edits', (
    select coalesce(jsonb_agg(jsonb_build_object('content', content, 'replaced_at', replaced_at) order by number), '[]')
    from private.message_edits where message_id = p_message_id)));
end;
$$;

comment on function public.message_history(bigint) is
  'The earlier texts of a message, the first one first, for its author and the salon''s owner and moderators. Returns success, '
  'error, edits. Errors: not_found, forbidden.';

create function private.empty_message(p_message public.chat_messages)
returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from private.message_edits where message_id = p_message.id;
  delete from public.message_attachments where message_id = p_message.id;
  delete from public.message_reactions where message_id = p_message.id;
  delete from public.message_pins where salon_id = p_message.salon_id and message_id = p_message.id;
  update public.chat_messages
  set content = '', mentions = '{}', is_deleted = true, deleted_at = clock_timestamp()
  where id = p_message.id;
end;
$$;

comment on function private.empty_message(public.chat_messages) is
  'Leaves only the place of a message. Its caller has locked the stream and the message, and counts.';

create function public.delete_message(p_message_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_salon_id uuid;
  v_place private.salon_place;
  v_message public.chat_messages;
  v_refusal jsonb;
begin
  v_refusal := private.community_limit(v_user_id, 'messages/delete', 120, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon_id := private.salon_of_message(p_message_id);
  v_place := private.enter_salon(v_salon_id);
  perform from private.salon_streams where salon_id = v_salon_id for no key update;
  v_message := private.lock_message(p_message_id);
  -- Authors take back what they wrote, also once they have left.
  if v_message.id is null or (v_place.role is null and v_message.user_id is distinct from v_user_id) then
    return private.no_such_message();
  elsif v_message.user_id is distinct from v_user_id and v_place.role = 'member' then
    return private.community_refusal('forbidden', 'Its author, the owner and moderators delete a message');
  end if;
  if not v_message.is_deleted then
    perform private.empty_message(v_message);
    update private.salon_streams set message_count = message_count - 1 where salon_id = v_salon_id;
    perform private.tell('salon:' || v_salon_id, 'message_deleted', jsonb_build_object('id', p_message_id, 'seq', v_message.seq));
  end if;
  return private.community_done(jsonb_build_object('id', p_message_id));
end;
$$;

comment on function public.delete_message(bigint) is
  'Empties a message of the caller, or, for the salon''s owner and moderators, of anybody: its text, earlier texts, reactions, '
  'pin and attachments go, its place stays. May be repeated. Returns success, error, id. Errors: not_found, forbidden, '
  'rate_limited.';

-- Functions: pins -----------------------------------------------------------------------------------------------

create function private.set_pin(p_message_id bigint, p_is_pinned boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id constant uuid := (select auth.uid());
  v_salon_id uuid;
  v_place private.salon_place;
  v_message public.chat_messages;
  v_refusal jsonb;
  v_changed integer;
begin
  v_refusal := private.community_limit(v_user_id, 'messages/pin', 60, 60);
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_salon_id := private.salon_of_message(p_message_id);
  v_place := private.enter_salon(v_salon_id);
  if v_place.role is null then
    return private.no_such_message();
  elsif v_place.role = 'member' then
    return private.community_refusal('forbidden', 'The owner and moderators pin messages');
  end if;
  -- One pin after the other, so that no two take the last place.
  perform from private.salon_streams where salon_id = v_salon_id for no key update;
  v_message := private.lock_message(p_message_id);
  if v_message.id is null or v_message.is_deleted then
    return private.no_such_message();
  elsif p_is_pinned then
    if (select count(*) from public.message_pins where salon_id = v_salon_id and message_id <> p_message_id)
      >= (select pins_per_salon from private.message_settings)
    then
      return private.community_refusal('limit_reached', 'This salon has as many pinned messages as one may have');
    end if;
    insert into public.message_pins (salon_id, message_id, pinned_by)
    values (v_salon_id, p_message_id, v_user_id)
    on conflict do nothing;
  else
    delete from public.message_pins where salon_id = v_salon_id and message_id = p_message_id;
  end if;
  get diagnostics v_changed = row_count;
  if v_changed > 0 then
    perform private.tell('salon:' || v_salon_id, case when p_is_pinned then 'message_pinned' else 'message_unpinned' end,
      jsonb_build_object('id', p_message_id, 'seq', v_message.seq));
  end if;
  return private.community_done(jsonb_build_object('id', p_message_id, 'is_pinned', p_is_pinned));
end;
$$;

comment on function private.set_pin(bigint, boolean) is 'Pins a message, or takes the pin off.';

create function public.pin_message(p_message_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.set_pin(p_message_id, true);
end;
$$;

comment on function public.pin_message(bigint) is
  'Keeps a message of a salon in sight, up to 50; for its owner and moderators. May be repeated. Returns success, error, id, '
  'is_pinned. Errors: not_found, forbidden, limit_reached, rate_limited.';

create function public.unpin_message(p_message_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.set_pin(p_message_id, false);
end;
$$;

comment on function public.unpin_message(bigint) is 'Takes a pin off. May be repeated. Returns what pin_message returns.';

-- Grants --------------------------------------------------------------------------------------------------------

revoke execute on function
  private.repeated_send(uuid, uuid, text, uuid, bigint),
  private.take_place_in_stream(uuid, private.salon_place, uuid),
  private.tell_those_addressed(public.chat_messages),
  private.empty_message(public.chat_messages),
  private.set_pin(bigint, boolean),
  public.send_message(uuid, text, uuid, bigint, uuid[], text[]),
  public.edit_message(bigint, text),
  public.message_history(bigint),
  public.delete_message(bigint),
  public.pin_message(bigint),
  public.unpin_message(bigint)
from public, anon, authenticated;

grant execute on function
  public.send_message(uuid, text, uuid, bigint, uuid[], text[]),
  public.edit_message(bigint, text),
  public.message_history(bigint),
  public.delete_message(bigint),
  public.pin_message(bigint),
  public.unpin_message(bigint)
to authenticated;
