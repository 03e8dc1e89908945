-- The agent that acts on a hand-off: p_agent_id, or the addressee when none is named. Null when nobody in particular was asked.
-- raises: 422 unknown_agent, invalid_input (agent_id) · 403 not_addressee
create function plane.require_addressee(p_handoff plane.handoffs, p_agent_id uuid)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent plane.agents;
begin
  perform plane.require_agent(p_agent_id, '/agent_id');
  if p_agent_id is null then
    if p_handoff.match is not null then
      perform plane.raise_error(422, 'invalid_input', 'The hand-off is for an agent that fits: say which one acts.', 'Send agent_id.',
        '{"errors": [{"pointer": "/agent_id", "code": "missing", "message": "agent_id is missing"}]}');
    end if;
    return p_handoff.to_agent_id;
  end if;
  select * into v_agent from plane.agents where id = p_agent_id and org_id = plane.caller_org();
  if not plane.fits_handoff(v_agent, p_handoff) then
    perform plane.raise_error(403, 'not_addressee',
      case when p_handoff.match is null then format('The hand-off is for another agent than %s.', v_agent.name)
        else format('%s lacks a skill or a tag that the hand-off asks for.', v_agent.name) end,
      'Read to_agent_id and match of the hand-off; ask for what is offered with GET /api/handoffs?offered_to=<agent id>.',
      jsonb_build_object('to_agent_id', p_handoff.to_agent_id, 'match', p_handoff.match));
  end if;
  perform plane.note_agent(p_agent_id);
  return p_agent_id;
end;
$$;
