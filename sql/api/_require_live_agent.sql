-- As plane.require_agent, and refuses one that was deleted: it will never come and look.
create function plane.require_live_agent(p_agent_id uuid, p_pointer text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform plane.require_agent(p_agent_id, p_pointer);
  if exists (select from plane.agents where id = p_agent_id and org_id = plane.caller_org() and deleted_at is not null) then
    perform plane.raise_error(422, 'unknown_agent', format('the agent %s was deleted', p_agent_id), 'Find one that lives: GET /api/agents.',
      jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'pointer', p_pointer, 'code', 'unknown_agent', 'message', format('the agent %s was deleted', p_agent_id)))));
  end if;
end;
$$;
