-- Counts anew the records of agents whose work has ended since the last count, the oldest first.
--
-- p: {limit = 100} · answers {counted}
-- A record is always counted from the work itself, so it cannot drift; only which agents are counted follows what is new. A minute after
-- an agent's newest work it is counted once more, for work that ended before and was committed after the first count.
-- One at a time: whoever comes second counts nothing.
-- uses: executions_ended_of_agents, agent_records_newest
create function plane.update_agent_records(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since   timestamptz;
  v_counted int;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('plane.update_agent_records', 0)) then
    return jsonb_build_object('counted', 0);
  end if;
  select max(r.ended_at) - interval '3 minutes' into v_since from plane.agent_records as r;

  with ended as (
    select w.org_id, w.agent_id, max(w.ended_at) as ended_at
    from plane.ended_work as w
    where w.ended_at > coalesce(v_since, '-infinity')
    group by w.org_id, w.agent_id
  ), dirty as (
    select e.org_id, e.agent_id, e.ended_at
    from ended as e
    join plane.agents as a on a.id = e.agent_id and a.org_id = e.org_id
    where not exists (
      select from plane.agent_records as r
      where r.agent_id = e.agent_id and r.ended_at >= e.ended_at
        and (r.updated_at >= e.ended_at + interval '1 minute' or plane.clock() < e.ended_at + interval '1 minute'))
    order by e.ended_at, e.agent_id
    limit coalesce((p ->> 'limit')::int, 100)
  ), counted as (
    insert into plane.agent_records as r (org_id, agent_id, succeeded, failed, p50_ms, mean_usd, last_error, ended_at)
    select d.org_id, d.agent_id, w.succeeded, w.failed, w.p50_ms, w.mean_usd, w.last_error, d.ended_at
    from dirty as d
    cross join lateral (
      select
        count(*) filter (where l.has_succeeded) as succeeded,
        count(*) filter (where not l.has_succeeded) as failed,
        percentile_cont(0.5) within group (order by extract(epoch from l.ended_at - l.started_at) * 1000)
          filter (where l.has_succeeded)::bigint as p50_ms,
        avg(l.cost_usd) as mean_usd,
        (array_agg(l.error order by l.ended_at desc) filter (where not l.has_succeeded))[1] as last_error
      from (
        select * from plane.ended_work as each
        where each.org_id = d.org_id and each.agent_id = d.agent_id
        order by each.ended_at desc
        limit 100
      ) as l
    ) as w
    on conflict (agent_id) do update
    set succeeded = excluded.succeeded, failed = excluded.failed, p50_ms = excluded.p50_ms, mean_usd = excluded.mean_usd,
      last_error = excluded.last_error, ended_at = excluded.ended_at, updated_at = plane.clock()
    returning 1
  )
  select count(*) into v_counted from counted;
  return jsonb_build_object('counted', v_counted);
end;
$$;

alter function plane.update_agent_records(jsonb) owner to plane_kernel;
