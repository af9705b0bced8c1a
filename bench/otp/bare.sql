-- The least that a code can be: one insert, and one update that compares, without a limit, a key or a counter.

create schema bare_otp;

create table bare_otp.codes (
  id uuid primary key default gen_random_uuid(),
  phone_number text not null,
  code text not null,
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  consumed_at timestamptz,
  unique (phone_number)
) with (fillfactor = 80);

create index on bare_otp.codes (expires_at);

create function bare_otp.request(p_phone text, p_code text)
returns uuid
language plpgsql
as $$
declare
  v_id uuid;
begin
  insert into bare_otp.codes (phone_number, code, expires_at) values (p_phone, p_code, now() + interval '5 minutes')
  returning id into v_id;
  return v_id;
end
$$;

create function bare_otp.verify(p_phone text, p_code text)
returns boolean
language plpgsql
as $$
begin
  update bare_otp.codes set attempts = attempts + 1, consumed_at = case when code = p_code then now() end
  where phone_number = p_phone and attempts < 5 and consumed_at is null and expires_at > now();
  return found;
end
$$;

-- Each run takes the phones that come next.
create sequence bare_otp.request_turn cache 100;
create sequence bare_otp.verify_turn cache 100;
create sequence public.bench_otp_request_turn cache 100;
create sequence public.bench_otp_verify_turn cache 100;
