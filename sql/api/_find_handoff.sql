-- The caller's hand-off of this id. raises: 404 handoff_not_found
create function plane.find_handoff(p_id uuid)
returns plane.handoffs
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff plane.handoffs;
begin
  select * into v_handoff from plane.handoffs where id = p_id and org_id = plane.caller_org();
  if not found then
    perform plane.raise_error(404, 'handoff_not_found', format('There is no hand-off %s.', p_id), 'List them.',
      '{"next": [{"why": "list the hand-offs", "method": "GET", "path": "/api/handoffs"}]}');
  end if;
  return v_handoff;
end;
$$;
