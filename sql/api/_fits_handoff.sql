-- Whether a hand-off is offered to an agent: it is the addressee, or there is none and the agent has every skill and tag that match names.
create function plane.fits_handoff(p_agent plane.agents, p_handoff plane.handoffs)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_skills constant jsonb := plane.agent_skills(p_agent.capabilities);
begin
  if p_handoff.to_agent_id is not null or p_handoff.match is null then
    return coalesce(p_handoff.to_agent_id = p_agent.id, true);
  end if;
  return not exists (
    select from jsonb_array_elements_text(coalesce(p_handoff.match -> 'skills', '[]')) as wanted (name)
    where not exists (
      select from jsonb_array_elements(v_skills) as s
      where lower(wanted.name) in (lower(s ->> 'id'), lower(s ->> 'name')) or plane.slug(wanted.name) = s ->> 'id'))
  and not exists (
    select from jsonb_array_elements_text(coalesce(p_handoff.match -> 'tags', '[]')) as wanted (name)
    where not exists (
      select from jsonb_array_elements(v_skills) as s, jsonb_array_elements_text(s -> 'tags') as tag
      where lower(tag) = lower(wanted.name)));
end;
$$;
