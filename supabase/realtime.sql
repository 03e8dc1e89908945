-- Opt-in: tells browsers by Supabase Realtime that something happened; they then ask the API what. Not a migration: applied, as the
-- database's owner, by `python -m functions.shared.postgres.realtime on`; taken away by realtime_off.sql. Applying it again is fine.
--
-- Private topics org:<organisation> and execution:<id>, broadcast event `events`, payload {"events": [{feed_id, type, execution_id}]}:
-- ids and types, never contents. At most a hundred of a statement, the newest: who needs all reads GET /api/executions/<id>/events.
-- A person may join who is a member of the organisation, for as long as their access token lives.
create schema if not exists plane_realtime;
revoke all on schema plane_realtime from public;
grant usage on schema plane_realtime to authenticated;
grant usage, create on schema plane_realtime to plane_kernel;

-- Whether the person of this token may listen to a topic. Called by the policy below, once a join.
create or replace function plane_realtime.may_join(p_topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
  v_kind   constant text := split_part(p_topic, ':', 1);
  v_id     constant text := split_part(p_topic, ':', 2);
  v_org    uuid;
begin
  if v_id !~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' or p_topic <> v_kind || ':' || v_id
    or v_claims ->> 'role' is distinct from 'authenticated' or v_claims -> 'is_anonymous' = 'true'
    or coalesce(v_claims ->> 'sub', '') !~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
  then
    return false;
  elsif v_kind = 'org' then
    v_org := v_id::uuid;
  elsif v_kind = 'execution' then
    select e.org_id into v_org from plane.executions as e where e.id = v_id::uuid;
  end if;
  return exists (
    select from plane.members as m
    where m.org_id = v_org and m.user_id = (v_claims ->> 'sub')::uuid and m.removed_at is null);
end;
$$;

alter function plane_realtime.may_join(text) owner to plane_kernel;
revoke all on function plane_realtime.may_join(text) from public;
grant execute on function plane_realtime.may_join(text) to authenticated;
revoke create on schema plane_realtime from plane_kernel;

-- Sends what a statement has added to the feed. Whatever goes wrong here is a warning in the log: the checkpoint stands.
create or replace function plane_realtime.send_events()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_topic record;
begin
  for v_topic in
    with newest as (
      select * from added order by feed_id desc limit 100
    ),
    topics as (
      select 'org:' || n.org_id as topic, n.* from newest as n
      union all
      select 'execution:' || n.execution_id, n.* from newest as n where n.execution_id is not null
    )
    select t.topic, jsonb_build_object('events', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
      'feed_id', t.feed_id::text, 'type', t.type, 'execution_id', t.execution_id)) order by t.feed_id)) as payload
    from topics as t
    group by t.topic
  loop
    perform realtime.send(v_topic.payload, 'events', v_topic.topic, true);
  end loop;
  return null;
exception
  when others then
    raise warning 'realtime: % (%)', sqlerrm, sqlstate;
    return null;
end;
$$;

revoke all on function plane_realtime.send_events() from public;

drop trigger if exists "tell realtime" on plane.events;
create trigger "tell realtime"
  after insert on plane.events
  referencing new table as added
  for each statement
  execute function plane_realtime.send_events();

drop policy if exists "members hear of their organisation" on realtime.messages;
create policy "members hear of their organisation" on realtime.messages
  for select to authenticated
  using (extension = 'broadcast' and (select plane_realtime.may_join((select realtime.topic()))));
