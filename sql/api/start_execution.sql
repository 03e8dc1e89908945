-- Starts an execution of a version.
-- payload: {version_id, input, mode, agent_id?, executed_with_model?, restarted_from?, which?: {name or workflow_id, version?}: what
-- the caller named, when version_id is only what that meant before}, or {refusal: {message, errors}}: a start that
-- does not fit the newest version still gets the answer that its Idempotency-Key got before; only when there is none it is refused
-- answers: the execution, and due: the doorbells to ring
-- raises: 404 workflow_not_found, version_not_found, 409 version_moved, 422 invalid_input, not_runnable, unknown_agent
create function api.start_execution(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found   record;
  v_started jsonb;
begin
  if payload ? 'refusal' then
    perform plane.raise_error(422, 'invalid_input', payload -> 'refusal' ->> 'message', null,
      jsonb_build_object('errors', payload -> 'refusal' -> 'errors'));
  end if;
  if payload ? 'which' then
    v_found := plane.find_version(payload -> 'which');
    if (v_found.version).id <> (payload ->> 'version_id')::uuid then
      perform plane.raise_error(409, 'version_moved', 'The workflow has a newer version by now.', 'Start it again: nothing was started.');
    end if;
  end if;
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  v_started := plane.start_execution(payload);
  perform plane.record_audit(case when payload ->> 'restarted_from' is null then 'start_execution' else 'restart_execution' end,
    'executions', v_started ->> 'execution_id', jsonb_strip_nulls(jsonb_build_object('version_id', payload -> 'version_id',
    'agent_id', payload -> 'agent_id', 'restarted_from', payload -> 'restarted_from')));
  -- Nobody has seen it yet, so there is nothing to look up about how it goes.
  return plane.execution_json(plane.find_execution(v_started ->> 'execution_id'), true, jsonb_build_object(
    'status', case when payload ->> 'mode' = 'external' then 'running' else 'queued' end,
    'waiting_for', '[]'::jsonb, 'known_cost_usd', 0::numeric(18, 9)::text)) || jsonb_build_object('due', v_started -> 'due');
end;
$$;

insert into gateway.verbs values ('start_execution', 'executions:write', false);
