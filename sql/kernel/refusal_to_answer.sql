-- Why the caller may not answer an escalation; null: they may.
create function plane.refusal_to_answer(p_escalation plane.escalations)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return plane.refusal_of(p_escalation, plane.caller_person(), plane.caller_claims());
end;
$$;
