-- The caller's escalation by the id in a payload. raises: 404 escalation_not_found
create function plane.find_escalation(p_id text)
returns plane.escalations
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_escalation plane.escalations;
begin
  select * into v_escalation from plane.escalations where id = p_id::uuid and org_id = plane.caller_org();
  if not found then
    perform plane.raise_no_escalation(p_id::uuid);
  end if;
  return v_escalation;
end;
$$;
