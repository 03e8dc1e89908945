-- Asks people a question.
-- payload: {reason, context?, priority?, form?, outcomes?, assign_to?, quorum?, aal2?, not_requester?, answerable_by?, execution_id?,
--           workflow_id?, agent_id?, timeout_seconds?, on_timeout?}
-- answers: the escalation · raises: 404 execution_not_found, workflow_not_found, 422 unknown_agent, invalid_outcome
create function api.create_escalation(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id         uuid;
  v_escalation plane.escalations;
begin
  perform plane.require_agent((payload ->> 'agent_id')::uuid, '/agent_id');
  if payload ->> 'workflow_id' is not null and not exists (
    select from plane.workflows as w
    where w.org_id = plane.caller_org()
      and (w.id = (payload ->> 'workflow_id')::uuid
        or exists (select from plane.workflow_versions as v where v.workflow_id = w.id and v.id = (payload ->> 'workflow_id')::uuid)))
  then
    perform plane.raise_error(404, 'workflow_not_found', format('There is no workflow %s.', payload ->> 'workflow_id'),
      'Leave workflow_id out, or list workflows with GET /api/workflows.');
  end if;
  if payload ->> 'on_timeout' is not null and jsonb_array_length(payload -> 'outcomes') > 0
    and not payload -> 'outcomes' ? (payload ->> 'on_timeout')
  then
    perform plane.raise_error(422, 'invalid_outcome', format('on_timeout must be one of the options, not %s.', payload ->> 'on_timeout'),
      null, jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', '/on_timeout', 'code', 'invalid_outcome', 'message', 'It must be one of the options.', 'allowed', payload -> 'outcomes'))));
  end if;

  v_id := plane.open_escalation(
    payload - array['kind', 'path', 'deadline', 'aal2']
    || jsonb_build_object('kind', 'question', 'needs_aal2', payload -> 'aal2', 'requester_id', plane.caller_id()));
  v_escalation := plane.find_escalation(v_id::text); -- in a statement of its own, which sees it
  perform plane.record_audit('create_escalation', 'escalations', v_escalation.id::text, jsonb_build_object(
    'priority', v_escalation.priority, 'execution_id', v_escalation.execution_id, 'agent_id', v_escalation.agent_id));
  return plane.escalation_json(v_escalation, true);
end;
$$;

insert into gateway.verbs values ('create_escalation', 'escalations:write', false);
