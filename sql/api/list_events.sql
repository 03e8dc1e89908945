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
set search_path = pg_catalog, pg_temp
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
      (
        select c.xid, c.feed_id, c as step, null::plane.events as event
        from plane.checkpoints as c
        where c.execution_id = v_execution.id and not c.is_carried and (c.xid, c.feed_id) > (v_xid, v_feed_id)
        order by c.xid, c.feed_id
        limit v_limit + 1
      )
      union all
      (
        select e.xid, e.feed_id, null, e
        from plane.events as e
        where e.org_id = v_execution.org_id and e.execution_id = v_execution.id and (e.xid, e.feed_id) > (v_xid, v_feed_id)
        order by e.xid, e.feed_id
        limit v_limit + 1
      )
      order by 1, 2
      limit v_limit + 1
    ),
    page as (
      select * from happened as h where h.xid < v_horizon order by h.xid, h.feed_id limit v_limit
    )
    select jsonb_build_object(
      'data', coalesce((
        select jsonb_agg(plane.event_json(p.step, p.event) || jsonb_build_object('xid', p.xid::text, 'feed_id', p.feed_id)
          order by p.xid, p.feed_id)
        from page as p), '[]'),
      'has_more', (select count(*) from happened) > (select count(*) from page),
      'has_ended', v_execution.status <> 'running')
  );
end;
$$;

insert into gateway.verbs values ('list_events', 'executions:read', true);
