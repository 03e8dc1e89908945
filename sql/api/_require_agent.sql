-- Refuses an agent that the caller's organisation does not have; null is fine.
-- raises: 422 unknown_agent, naming the field by p_pointer
create function plane.require_agent(p_agent_id uuid, p_pointer text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_agent_id is null then
    return;
  elsif exists (select from plane.agents where id = p_agent_id and org_id = plane.caller_org()) then
    return;
  end if;
  perform plane.raise_error(422, 'unknown_agent', format('there is no agent %s', p_agent_id),
    'Register it with POST /api/agents and use the id of the answer.',
    jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
      'pointer', p_pointer, 'code', 'unknown_agent', 'message', format('there is no agent %s', p_agent_id)))));
end;
$$;
