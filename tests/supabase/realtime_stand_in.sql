-- A stand-in for Supabase Realtime's schema: its documented functions and columns, written for these tests. The real one
-- sends what is inserted to whoever has joined; here it is only kept. Failures of the insert are warnings there too.
create schema realtime;
create table realtime.messages (
  id          uuid not null default gen_random_uuid() primary key,
  topic       text not null,
  extension   text not null,
  payload     jsonb,
  event       text,
  private     boolean default false,
  inserted_at timestamptz not null default now()
);
alter table realtime.messages enable row level security;

create function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;

create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void
language plpgsql
as $$
begin
  insert into realtime.messages (topic, extension, payload, event, private) values (topic, 'broadcast', payload, event, private);
exception
  when others then raise warning 'not sent: %', sqlerrm;
end;
$$;

grant usage on schema realtime to anon, authenticated;
grant select, insert on realtime.messages to anon, authenticated;
grant execute on all functions in schema realtime to public;
