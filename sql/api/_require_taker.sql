-- Refuses an agent that says it acts on a hand-off which another one has. Who names no agent is taken for the one that has it.
-- raises: 403 not_addressee, 422 unknown_agent
create function plane.require_taker(p_handoff plane.handoffs, p_agent_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.require_agent(p_agent_id, '/agent_id');
  if p_agent_id <> p_handoff.agent_id and p_handoff.status in ('claimed', 'accepted') then
    perform plane.raise_error(403, 'not_addressee',
      format('%s has this hand-off.', (select name from plane.agents where id = p_handoff.agent_id)),
      'Only the agent that took it may say what came of it.', jsonb_build_object('agent_id', p_handoff.agent_id));
  end if;
  perform plane.note_agent(p_agent_id);
end;
$$;
