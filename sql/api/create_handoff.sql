-- Hands work to an agent, to whoever fits, or to anybody.
-- payload: {from_agent_id?, to_agent_id? | match?, workflow_id?, execution_id?, parent_id?, packet?, context?, reason?, max_attempts?, deadline_at?}
-- answers: the hand-off · raises: 404 handoff_not_found (the parent), execution_not_found, 409 handoff_loop, handoff_too_long, 422 unknown_agent,
-- unknown_workflow
create function api.create_handoff(payload jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from    constant uuid := (payload ->> 'from_agent_id')::uuid;
  v_to      constant uuid := (payload ->> 'to_agent_id')::uuid;
  v_parent  plane.handoffs;
  v_handoff plane.handoffs;
begin
  perform plane.require_agent(v_from, '/from_agent_id');
  perform plane.require_live_agent(v_to, '/to_agent_id');
  perform plane.require_workflow((payload ->> 'workflow_id')::uuid);
  if payload ->> 'execution_id' is not null then
    perform plane.find_execution(payload ->> 'execution_id');
  end if;
  if payload ->> 'parent_id' is not null then
    v_parent := plane.find_handoff((payload ->> 'parent_id')::uuid);
  end if;
  perform plane.refuse_handoff_loop(v_parent.id, v_from, v_to, coalesce(v_parent.hops + 1, 0));
  perform plane.note_agent(v_from);

  insert into plane.handoffs (
    org_id, from_agent_id, to_agent_id, match, workflow_id, execution_id, packet, context, reason, max_attempts, deadline_at, parent_id,
    hops, created_by)
  values (
    plane.caller_org(), v_from, v_to, nullif(payload -> 'match', 'null'), (payload ->> 'workflow_id')::uuid,
    (payload ->> 'execution_id')::uuid, nullif(payload -> 'packet', 'null'), coalesce(nullif(payload -> 'context', 'null'), '{}'),
    payload ->> 'reason', coalesce((payload ->> 'max_attempts')::int, 3), (payload ->> 'deadline_at')::timestamptz, v_parent.id,
    coalesce(v_parent.hops + 1, 0), plane.caller_actor())
  returning * into v_handoff;
  perform plane.note_handoff(v_handoff, 'create_handoff', 'created');
  return plane.handoff_json(v_handoff);
end;
$$;

insert into gateway.verbs values ('create_handoff', 'handoffs:write', false);
