-- The steps of an execution as it is now, one row a path: the ended ones of its latest gen, the running ones, the waiting ones.
--
-- phase orders them: 0 ended (by feed_id), 1 running, 2 waiting (by path). row has no output; output and output_ref stand beside it.
create function plane.step_rows(p_execution plane.executions)
returns table (phase int, feed_id bigint, path text, step jsonb, output jsonb, output_ref bytea)
language sql
stable
set search_path = ''
as $$
  with ended as (
    select 0 as phase, c.feed_id, c.path,
      jsonb_build_object(
        'path', c.path, 'parent', c.parent, 'kind', c.kind, 'status', c.status, 'error', c.error, 'attempts', c.attempts,
        -- An external agent may say itself when it was; what waited began when its wait was opened.
        'started_at', coalesce((c.details ->> 'started_at')::timestamptz, c.ended_at - t.duration_ms * interval '1 millisecond'),
        'ended_at', coalesce((c.details ->> 'ended_at')::timestamptz, c.ended_at),
        'duration_ms', t.duration_ms,
        'usage', case when c.model is not null or c.input_tokens is not null or c.output_tokens is not null
          then jsonb_build_object('model', c.model, 'provider', c.provider,
            'input_tokens', c.input_tokens, 'output_tokens', c.output_tokens) end,
        'cost_usd', c.cost_usd::text, 'is_cost_unknown', c.is_cost_unknown, 'is_carried', c.is_carried,
        'gen', c.gen, 'details', coalesce(c.details, '{}')
      ) as step,
      c.output, c.output_ref
    from plane.checkpoints as c
    cross join lateral plane.step_duration(c) as t (duration_ms)
    where c.execution_id = p_execution.id and c.gen = p_execution.gen
  ),
  waiting as (
    select distinct on (w.path) 2 as phase, 0::bigint as feed_id, w.path,
      jsonb_build_object(
        'path', w.path, 'kind', plane.step_kind(p_execution, w.path), 'status', 'waiting', 'attempts', 0,
        'started_at', w.opened_at, 'until', w.deadline, 'gen', p_execution.gen,
        'waiting_for', jsonb_build_object('kind', w.kind, 'name', w.name)
      ) as step,
      null::jsonb as output, null::bytea as output_ref
    from plane.waits as w
    where w.execution_id = p_execution.id and w.gen = p_execution.gen and w.answered_at is null and w.kind <> 'budget' and not w.data ? 'timeout_of'
      and not exists (select from ended as e where e.path = w.path)
    order by w.path, w.opened_at
  ),
  running as (
    select distinct on (i.path) 1 as phase, 0::bigint as feed_id, i.path,
      jsonb_build_object(
        'path', i.path, 'kind', plane.step_kind(p_execution, i.path), 'status', 'running',
        'attempts', coalesce((i.noted ->> 'attempt')::int, 1), 'gen', p_execution.gen
      ) as step,
      null::jsonb as output, null::bytea as output_ref
    from plane.frames as f, jsonb_each(f.in_flight) as i (path, noted)
    where f.execution_id = p_execution.id and f.status <> 'done' and p_execution.status = 'running'
      and not exists (select from ended as e where e.path = i.path)
      and not exists (select from waiting as w where w.path = i.path)
  ),
  -- An external execution says itself which steps it began.
  begun as (
    select distinct on (v.path) 1 as phase, 0::bigint as feed_id, v.path,
      jsonb_build_object(
        'path', v.path, 'kind', coalesce(v.data ->> 'kind', 'external'), 'status', 'running', 'attempts', 1,
        'started_at', coalesce((v.data ->> 'started_at')::timestamptz, v.at), 'gen', p_execution.gen
      ) as step,
      null::jsonb as output, null::bytea as output_ref
    from plane.events as v
    where v.org_id = p_execution.org_id and v.execution_id = p_execution.id and v.type = 'step.running'
      and p_execution.mode = 'external' and p_execution.status = 'running'
      and not exists (select from ended as e where e.path = v.path)
    order by v.path, v.feed_id
  )
  select * from ended
  union all select * from running
  union all select * from begun
  union all select * from waiting;
$$;
