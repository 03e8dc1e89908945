-- Writes the checkpoints that are nothing special, all of them with a few statements; answers an array with null for the others.
--
-- p_calls: [p of plane.checkpoint], of different frames. Special is whatever opens, closes, parks, hands on, is stale or repeated,
--          has an output over 2 kB, an answered or due wait, or a frame that somebody else has locked just now.
-- The answers are plane.checkpoint's. Locks: the frames, skipping those that somebody holds: this waits for nobody.
-- Called by plane.move_together, after plane._check_isolation.
create function plane._plain_checkpoints(p_calls jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
-- A few rows by their keys, whatever the statistics say: the plan is kept for the life of a connection.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now     constant timestamptz := plane.clock();
  v_plain   int[];
  v_ends    int[];
  v_answers jsonb;
begin
  select array_agg(locked.n) into v_plain
  from (
    select call.n
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    join plane.frames as f on f.execution_id = (p ->> 'execution_id')::uuid and f.frame = coalesce(p ->> 'frame', '')
    where f.epoch = (p ->> 'epoch')::bigint and f.seq + 1 = (p ->> 'seq')::bigint
      and (f.status = 'running' or (f.status = 'ready' and f.claim_ref is not null))
      and not f.has_answers and (f.wait_deadline is null or f.wait_deadline > v_now)
      and coalesce(p -> 'open', '[]') = '[]' and coalesce(p -> 'close', '[]') = '[]'
      and (coalesce(p ->> 'next', 'running') = 'running' or (p ->> 'next' = 'done' and f.frame = '' and f.parent_token is null))
      and (p -> 'records' is null or octet_length((p -> 'records')::text) <= 2048 or not exists (
        select from jsonb_array_elements(p -> 'records') as r where octet_length((r -> 'output')::text) > 2048))
    for no key update of f skip locked
  ) as locked;
  if v_plain is null then
    return (select jsonb_agg(null::jsonb) from generate_series(1, jsonb_array_length(p_calls)));
  end if;

  with call as materialized (
    select
      c.n, c.p, c.p ->> 'next' = 'done' as is_end, f.execution_id, f.frame, f.gen, f.org_id, f.seq + 1 as seq,
      coalesce((c.p ->> 'lease_seconds')::numeric, 30) * interval '1 second' as lease
    from jsonb_array_elements(p_calls) with ordinality as c (p, n)
    join plane.frames as f on f.execution_id = (c.p ->> 'execution_id')::uuid and f.frame = coalesce(c.p ->> 'frame', '')
    where c.n = any (v_plain) and (coalesce(c.p ->> 'next', 'running') = 'running' or (
      -- Whoever ends has nothing below it and waits for nothing. Counted, because exists() would be planned as one list for all.
      (select count(*) filter (where b.status <> 'done') from plane.frames as b where b.root_execution_id = f.root_execution_id) = 1
      and (select count(*) filter (where w.answered_at is null) from plane.waits as w where w.execution_id = f.execution_id) = 0))
  ), added as (
    insert into plane.checkpoints (
      execution_id, gen, path, org_id, frame, parent, kind, status, output, error, attempts, ended_at, duration_ms,
      model, provider, input_tokens, output_tokens, cost_usd, is_cost_unknown, details, seq)
    select
      call.execution_id, call.gen, r.path, call.org_id, call.frame, coalesce(r.parent, ''), r.kind, r.status,
      r.output, r.error, coalesce(r.attempts, 1), v_now, coalesce(r.duration_ms, 0)::bigint,
      r.model, r.provider, r.input_tokens, r.output_tokens, r.cost_usd, coalesce(r.is_cost_unknown, false), r.details, call.seq
    from call
    cross join lateral jsonb_to_recordset(call.p -> 'records') as r (
      path text, parent text, kind text, status text, output jsonb, error jsonb, attempts int, duration_ms numeric,
      model text, provider text, input_tokens bigint, output_tokens bigint, cost_usd numeric, is_cost_unknown boolean, details jsonb)
    on conflict do nothing
    returning execution_id, frame, path, cost_usd
  ), written as (
    select execution_id, frame, count(*) as records, coalesce(sum(cost_usd), 0) as cost, array_agg(path) as paths
    from added
    group by execution_id, frame
  ), step as (
    select
      call.*, coalesce(w.records, 0) as records, coalesce(w.cost, 0) as cost,
      case
        when jsonb_array_length(coalesce(call.p -> 'records', '[]')) = coalesce(w.records, 0) then '{}'
        else plane._find_conflicts(call.p -> 'records', w.paths)
      end as conflicts
    from call
    left join written as w on w.execution_id = call.execution_id and w.frame = call.frame
  ), moved as (
    update plane.frames as f
    set
      seq = step.seq,
      status = case when step.is_end then 'done' else 'running' end,
      due_at = case
        when step.is_end then v_now + interval '10 minutes'
        when f.status = 'running' and f.due_at > v_now + step.lease / 3 then f.due_at
        else v_now + step.lease
      end,
      claim_ref = case when not step.is_end then f.claim_ref end,
      owner = case when not step.is_end then f.owner end,
      in_flight = coalesce(step.p -> 'in_flight', f.in_flight),
      stall = case when step.records > 0 or step.is_end then 0 else f.stall end,
      idle_claims = case when step.records > 0 then 0 else f.idle_claims end,
      dispatches = 0,
      records = f.records + step.records,
      spent_usd = f.spent_usd + step.cost,
      last_checkpoint = jsonb_build_object(
        'status', case when step.is_end then 'done' else 'running' end, 'due', '[]'::jsonb, 'conflicts', step.conflicts)
    from step
    where f.execution_id = step.execution_id and f.frame = step.frame
    returning
      step.n, step.is_end, jsonb_build_object(
        'ok', true, 'seq', f.seq, 'status', f.status,
        'cancel', case when f.cancel_requested then 'cancelled' when f.deadline_at <= v_now then 'timed_out' end,
        'over_budget', coalesce(f.spent_usd >= f.budget_usd and f.spent_usd > 0, false),
        'answered', '[]'::jsonb, 'conflicts', step.conflicts, 'due_in_ms', null, 'due', '[]'::jsonb, 'adopted', null,
        'draining', 0) as answer
  )
  select jsonb_agg(moved.answer order by n), array_agg(n) filter (where moved.is_end) into v_answers, v_ends
  from generate_series(1, jsonb_array_length(p_calls)) as n
  left join moved using (n);

  if v_ends is not null then
    perform plane._end_executions(array_agg(p ->> 'execution_id')::uuid[], array_agg(p -> 'finish'))
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    where n = any (v_ends);
  end if;
  return v_answers;
end;
$$;
