-- Drops what executions were given and gave once their organisation's retention is over: inputs, outputs, what people filled in,
-- what events carried. That they ran, when, how they ended and what they cost stays.
--
-- p: {limit?: executions, 100} → {dropped}
-- Called by the chore, any number at once: skips what somebody else works on.
create function plane.drop_payloads(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit      constant int := coalesce((p ->> 'limit')::int, 100);
  v_now        constant timestamptz := plane.clock();
  v_executions uuid[];
  v_orgs       uuid[];
  v_refs       bytea[];
begin
  select array_agg(due.id), array_agg(distinct due.org_id) into v_executions, v_orgs
  from (
    select e.id, e.org_id
    from plane.retention as r
    join plane.executions as e on e.org_id = r.org_id and e.ended_at < v_now - r.payload_days * interval '1 day'
    where r.payload_days is not null and e.ended_at is not null and e.payloads_dropped_at is null
    limit v_limit
    for no key update of e skip locked
  ) as due;
  if v_executions is null then
    return '{"dropped": 0}';
  end if;

  update plane.executions
  set input = '{}', output = null, error = error - 'errors' || '{"message": "dropped"}', payloads_dropped_at = v_now
  where id = any (v_executions);
  select array_agg(distinct c.output_ref) into v_refs
  from plane.checkpoints as c
  where c.execution_id = any (v_executions) and c.output_ref is not null;
  update plane.checkpoints
  set output = null, output_ref = null, details = '{}', error = error - 'errors' || '{"message": "dropped"}'
  where execution_id = any (v_executions);
  update plane.waits set data = '{}', payload = null, votes = '[]', match = null where execution_id = any (v_executions);
  delete from plane.signals where execution_id = any (v_executions);
  update plane.events set data = '{}' where org_id = any (v_orgs) and execution_id = any (v_executions);
  delete from plane.payloads as y
  where y.org_id = any (v_orgs) and y.hash = any (v_refs)
    and not exists (select from plane.checkpoints as c where c.org_id = y.org_id and c.output_ref = y.hash);
  return jsonb_build_object('dropped', cardinality(v_executions));
end;
$$;

alter function plane.drop_payloads(jsonb) owner to plane_kernel;
