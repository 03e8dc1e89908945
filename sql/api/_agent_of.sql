-- The id of the caller's agent that is called so: by its id or by its name; null when there is none.
-- called by: note_agent_seen, match_agents, get_inbox
create function plane.agent_of(p_wanted text)
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id   constant uuid := case when pg_input_is_valid(p_wanted, 'uuid') then p_wanted::uuid end;
  v_found uuid;
begin
  select a.id into v_found
  from plane.agents as a
  where a.org_id = plane.caller_org() and a.id = v_id and a.deleted_at is null;
  if v_found is null then
    select a.id into v_found
    from plane.agents as a
    where a.org_id = plane.caller_org() and a.name = p_wanted and a.deleted_at is null;
  end if;
  return v_found;
end;
$$;
