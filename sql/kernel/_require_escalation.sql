-- One of the caller's escalations, held until the transaction ends. Raises 404 escalation_not_found, also for another organisation's.
create function plane._require_escalation(p_id uuid)
returns plane.escalations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org        constant uuid := plane._require_org();
  v_escalation plane.escalations;
begin
  select * into v_escalation from plane.escalations where id = p_id and org_id = v_org for no key update;
  if not found then
    perform plane.raise_no_escalation(p_id);
  end if;
  return v_escalation;
end;
$$;
