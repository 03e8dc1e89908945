-- What happened in an execution after a point: ended steps and events, merged in the order in which they became visible.
--
-- Rows of transactions that may still be running are held back, so that a reader who asks again after the last row misses none.
-- payload: {execution_id, limit, after: {xid, feed_id} | null}
-- answers: {data: [{xid, feed_id, at, type, path, name, data}], has_more, has_ended}; has_more also when rows are held back
-- raises: 404 execution_not_found
create function api.list_events(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_execution constant plane.executions := plane.find_execution(payload ->> 'execution_id');
  v_limit     constant int := (payload ->> 'limit')::int;
  v_xid       constant xid8 := coalesce(payload -> 'after' ->> 'xid', '0')::xid8;
  v_feed_id   constant bigint := coalesce((payload -> 'after' ->> 'feed_id')::bigint, 0);
  v_horizon   constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  return (
    with happened as (
      select c.xid, c.feed_id, c.ended_at as at, 'step.' || c.status as type, c.path, null::text as name,
        jsonb_strip_nulls(jsonb_build_object(
          'kind', c.kind, 'gen', c.gen, 'attempts', c.attempts, 'duration_ms', c.duration_ms, 'error', c.error,
          'reason', c.details -> 'reason', 'model', c.model, 'input_tokens', c.input_tokens, 'output_tokens', c.output_tokens,
          'cost_usd', c.cost_usd::text, 'is_cost_unknown', nullif(c.is_cost_unknown, false)
        )) || case when c.status = 'succeeded' and c.output is not null then jsonb_build_object('output', c.output) else '{}' end as data
      from plane.checkpoints as c
      where c.execution_id = v_execution.id and not c.is_carried and (c.xid, c.feed_id) > (v_xid, v_feed_id)
      union all
      select e.xid, e.feed_id, e.at, e.type, e.path, e.name, e.data || case e.type
        when 'wait.opened' then coalesce((
          select jsonb_strip_nulls(jsonb_build_object('message', w.data -> 'message'))
          from plane.waits as w
          where w.execution_id = v_execution.id and w.token = e.data ->> 'token'
        ), '{}') else '{}' end
      from plane.events as e
      where e.org_id = v_execution.org_id and e.execution_id = v_execution.id and (e.xid, e.feed_id) > (v_xid, v_feed_id)
    ),
    page as (
      select h.* from happened as h where h.xid < v_horizon order by h.xid, h.feed_id limit v_limit
    )
    select jsonb_build_object(
      'data', coalesce((
        select jsonb_agg(jsonb_build_object('xid', p.xid::text, 'feed_id', p.feed_id, 'at', p.at, 'type', p.type,
          'path', p.path, 'name', p.name, 'data', p.data) order by p.xid, p.feed_id)
        from page as p), '[]'),
      'has_more', (select count(*) from happened) > (select count(*) from page),
      'has_ended', v_execution.status <> 'running')
  );
end;
$$;

insert into gateway.verbs values ('list_events', 'executions:read', true);
