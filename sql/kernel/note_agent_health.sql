-- Tells in the feed which agents' health has changed, each change once: `agent.health_changed {agent_id, name, from, to, last_seen_at}`.
--
-- p: {limit = 200} · answers {changed}
-- Damped, because an agent that beats about once a lease would change all the time: `late` and `lost` are told half a lease after they
-- are true (at 1.5 and 3.5 leases of silence), and a change back not before one lease has passed since the last one that was told.
-- Locks: agents, skipping those that somebody holds. Any number of planes may do it at once.
create function plane.note_agent_health(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed int;
begin
  with now_so as (
    select a.id, plane.agent_health(a.lease_seconds, a.last_seen_at + make_interval(secs => coalesce(a.lease_seconds, 0) / 2.0)) as health
    from plane.agents as a
    where a.deleted_at is null and (a.lease_seconds is not null or a.noted_health <> 'active')
  ), differing as (
    select a.id, n.health, a.noted_health
    from plane.agents as a
    join now_so as n using (id)
    where n.health <> a.noted_health
      and (
        array_position(array['active', 'late', 'lost'], n.health) > array_position(array['active', 'late', 'lost'], a.noted_health)
        or a.lease_seconds is null
        or (plane.clock() >= a.noted_at + make_interval(secs => a.lease_seconds)
          and (n.health <> 'active' or plane.agent_health(a.lease_seconds, a.last_seen_at) = 'active'))
      )
    order by a.id
    limit coalesce((p ->> 'limit')::int, 200)
    for no key update of a skip locked
  ), noted as (
    update plane.agents as a
    set noted_health = d.health, noted_at = plane.clock()
    from differing as d
    where a.id = d.id
    returning a.*, d.noted_health as before
  ), told as (
    select count(*) as changes, count(plane._record_event(n.org_id, null, 'agent.health_changed', null, jsonb_build_object(
      'agent_id', n.id, 'name', n.name, 'from', n.before, 'to', n.noted_health, 'last_seen_at', plane.time_text(n.last_seen_at),
      'lease_seconds', n.lease_seconds))) as events
    from noted as n
  )
  select t.changes into v_changed from told as t;
  return jsonb_build_object('changed', v_changed);
end;
$$;

alter function plane.note_agent_health(jsonb) owner to plane_kernel;
