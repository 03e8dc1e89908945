-- Claims frames that nobody has worked on yet, all of them with a few statements; answers an array with null for the others.
--
-- p_calls: [p of plane.claim], of different frames. Plain is a due root frame without any checkpoint, of a document that the caller
--          has already, that nobody else has locked just now. There is nothing to load for it.
-- The answers are plane.claim's. Locks: the frames, skipping those that somebody holds: this waits for nobody.
-- Called by plane.move_together, after plane._check_isolation.
create function plane._plain_claims(p_calls jsonb)
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
  v_answers jsonb;
begin
  select array_agg(locked.n) into v_plain
  from (
    select call.n
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    join plane.frames as f on f.execution_id = (p ->> 'execution_id')::uuid and f.frame = coalesce(p ->> 'frame', '')
    where coalesce(p ->> 'frame', '') = '' and f.gen = 0 and f.seq = 0 and f.queue = p ->> 'queue'
      and (f.status = 'ready' or (f.status = 'running' and f.due_at <= v_now)) and f.claim_ref is distinct from p ->> 'claim_ref'
      and (
        select p -> 'known' ? v.content_hash
        from plane.executions as e
        join plane.workflow_versions as v on v.id = e.version_id
        where e.id = f.execution_id)
    for no key update of f skip locked
  ) as locked;
  if v_plain is null then
    return (select jsonb_agg(null::jsonb) from generate_series(1, jsonb_array_length(p_calls)));
  end if;

  with held as (
    update plane.frames as f
    set
      status = 'running',
      epoch = f.epoch + 1,
      due_at = v_now + coalesce((call.p ->> 'lease_seconds')::numeric, 30) * interval '1 second',
      claim_ref = call.p ->> 'claim_ref',
      owner = call.p ->> 'owner',
      stall = f.stall + (f.claim_ref is not null)::int, -- whoever held it has vanished
      idle_claims = f.idle_claims + 1,
      dispatches = 0
    from jsonb_array_elements(p_calls) with ordinality as call (p, n)
    where call.n = any (v_plain) and f.execution_id = (call.p ->> 'execution_id')::uuid and f.frame = coalesce(call.p ->> 'frame', '')
    returning call.n, plane._claimed(f, call.p -> 'known') as answer
  )
  select jsonb_agg(held.answer order by n) into v_answers
  from generate_series(1, jsonb_array_length(p_calls)) as n
  left join held using (n);
  return v_answers;
end;
$$;
