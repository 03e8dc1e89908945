-- What the owner of a frame gets to know: everything it plans over. p_known: hashes of documents that it has already.
create function plane._claimed(p_frame plane.frames, p_known jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- An execution that has only just been started has no records and no waits.
  v_is_new  constant boolean := p_frame.seq = 0 and p_frame.gen = 0 and p_frame.frame = '';
  v_records jsonb := '[]';
  v_waits   jsonb := '[]';
begin
  if not v_is_new then
    v_records := plane._list_records(p_frame);
    v_waits := plane._list_waits(p_frame, false);
  end if;
  return (
    select jsonb_build_object(
      'ok', true,
      'epoch', p_frame.epoch, 'seq', p_frame.seq, 'gen', p_frame.gen,
      'org_id', p_frame.org_id, 'execution_id', p_frame.execution_id, 'frame', p_frame.frame, 'queue', p_frame.queue,
      'root_execution_id', p_frame.root_execution_id,
      'workflow', w.name, 'version', v.version, 'version_id', v.id, 'content_hash', v.content_hash,
      'document', case when p_known ? v.content_hash then null else v.document end,
      'input', e.input,
      'workflow_id', w.id, 'agent_id', e.agent_id,
      'agent', case when e.agent_id is not null then (select a.name from plane.agents as a where a.id = e.agent_id) end)
    || jsonb_build_object(
      'parent', p_frame.parent_token is not null, 'shard', p_frame.shard,
      'cancel', plane._cancel_cause(p_frame), 'deadline_in_ms', plane._ms_until(p_frame.deadline_at),
      'budget_usd', p_frame.budget_usd, 'spent_usd', p_frame.spent_usd, 'over_budget', plane._over_budget(p_frame),
      'stall', p_frame.stall, 'claims', p_frame.epoch & 4294967295, 'idle_claims', p_frame.idle_claims,
      'records_written', p_frame.records, 'in_flight', p_frame.in_flight,
      'lease_ms', plane._ms_until(p_frame.due_at), 'now', plane.clock(),
      'finish', p_frame.last_checkpoint -> 'finish',
      'records', v_records, 'waits', v_waits)
    from plane.executions as e
    join plane.workflow_versions as v on v.id = e.version_id
    join plane.workflows as w on w.id = e.workflow_id
    where e.id = p_frame.execution_id);
end;
$$;
