-- How much of the organisation's work is due, held and waiting.
-- payload: {} · answers: {ready, running, waiting, oldest_due_seconds: of what is ready; null when nothing is}
create function api.get_queue_depth(payload jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'ready', count(*) filter (where status = 'ready'),
    'running', count(*) filter (where status = 'running'),
    'waiting', count(*) filter (where status = 'waiting'),
    'oldest_due_seconds', round(extract(epoch from plane.clock() - min(due_at) filter (
        where status = 'ready' and due_at <= plane.clock())))::int)
  from plane.frames
  where org_id = (select plane.caller_org());
$$;

insert into gateway.verbs values ('get_queue_depth', 'observe:read', true);
