-- A page of the steps of an execution as it is now, one row a path: the ended ones of its latest gen, the running, the waiting ones.
--
-- phase orders them: 0 ended (by feed_id), 1 running, 2 waiting (by path). p_after: {phase, feed_id, path} of the last one of the page
-- before. p_path: only this step and what is below it. step has no output; output and output_ref stand beside it.
create function plane.step_rows(p_execution plane.executions, p_after jsonb, p_path text, p_limit int)
returns table (phase int, feed_id bigint, path text, step jsonb, output jsonb, output_ref bytea)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select coalesce((p_after ->> 'phase')::int, -1) as phase, coalesce((p_after ->> 'feed_id')::bigint, 0) as feed_id,
      coalesce(p_after ->> 'path', '') as path
  ),
  chosen as (
    select c
    from plane.checkpoints as c, page as p
    where c.execution_id = p_execution.id and c.gen = p_execution.gen
      and (0, c.feed_id, c.path) > (p.phase, p.feed_id, p.path)
      and (p_path is null or c.path = p_path or starts_with(c.path, p_path || '.') or starts_with(c.path, p_path || '['))
    order by c.feed_id
    limit p_limit
  ),
  open as (
    select distinct on (w.path) 2 as phase, w.path, jsonb_build_object(
      'status', 'waiting', 'attempts', 0, 'started_at', w.opened_at, 'until', w.deadline,
      'waiting_for', jsonb_build_object('kind', w.kind, 'name', w.name)) as step
    from plane.waits as w
    where w.execution_id = p_execution.id and w.gen = p_execution.gen and w.answered_at is null
      and w.kind <> 'budget' and not w.data ? 'timeout_of'
    order by w.path, w.opened_at
  ),
  going_on as (
    select * from open
    union all
    (
      select distinct on (i.path) 1, i.path,
        jsonb_build_object('status', 'running', 'attempts', coalesce((i.noted ->> 'attempt')::int, 1))
      from plane.frames as f, jsonb_each(f.in_flight) as i (path, noted)
      where f.execution_id = p_execution.id and f.status <> 'done' and not exists (select from open as o where o.path = i.path)
      order by i.path
    )
    union all
    -- An external execution says itself which steps it began.
    (
      select distinct on (e.path) 1, e.path, jsonb_build_object(
        'kind', e.data ->> 'kind', 'status', 'running', 'attempts', 1,
        'started_at', coalesce((e.data ->> 'started_at')::timestamptz, e.at))
      from plane.events as e
      where e.org_id = p_execution.org_id and e.execution_id = p_execution.id and e.type = 'step.running'
        and p_execution.mode = 'external'
      order by e.path, e.feed_id
    )
  )
  select 0, (h.c).feed_id, (h.c).path, plane.step_json(h.c), (h.c).output, (h.c).output_ref
  from chosen as h
  union all
  select g.phase, 0, g.path,
    jsonb_build_object('path', g.path, 'gen', p_execution.gen, 'kind', plane.step_kind(p_execution, g.path)) || jsonb_strip_nulls(g.step),
    null, null
  from going_on as g, page as p
  where p_execution.status = 'running'
    and (g.phase, 0, g.path) > (p.phase, p.feed_id, p.path)
    and (p_path is null or g.path = p_path or starts_with(g.path, p_path || '.') or starts_with(g.path, p_path || '['))
    and not exists (
      select from plane.checkpoints as c
      where c.execution_id = p_execution.id and c.gen = p_execution.gen and c.path = g.path
    )
  order by 1, 2, 3
  limit p_limit;
$$;
