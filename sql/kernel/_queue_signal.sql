-- Keeps a signal for a wait that opens later, unless it can only be a decision that nobody asks for now.
-- The caller holds the signal's topic. Raises 409 not_waiting, wait_closed.
create function plane._queue_signal(p_execution plane.executions, p_name text, p_payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_decision boolean;
begin
  if exists (
    select from plane.waits
    where execution_id = p_execution.id and gen = p_execution.gen and name = p_name
      and kind in ('approval', 'unknown', 'budget') and answered_at is not null
  ) then
    perform plane.raise_error(409, 'wait_closed', format('%s was decided already, timed out or was cancelled.', p_name),
      'Read the execution to see how.');
  end if;
  select p_name = 'budget' or exists (
    select from jsonb_array_elements(v.steps) as s
    where s ->> 'kind' = 'approval' and s ->> 'path' = regexp_replace(p_name, '\[\d+\]', '', 'g')) into v_decision
  from plane.workflow_versions as v
  where v.id = p_execution.version_id;
  if v_decision then
    perform plane.raise_error(409, 'not_waiting', format('The execution does not wait for %s now.', p_name),
      'Read waiting_for of the execution.');
  end if;

  insert into plane.signals (execution_id, org_id, name, payload, sent_by)
  values (p_execution.id, p_execution.org_id, p_name, p_payload, plane.caller_id());
  perform plane._record_event(p_execution.org_id, p_execution.id, 'signal.queued', null, jsonb_build_object('name', p_name));
  return jsonb_build_object('status', 'queued', 'token', null, 'outcome', null, 'due', '[]'::jsonb);
end;
$$;
