-- Whether who asked may not answer: the escalation says so; or it does not say, is an approval, and somebody else could decide it.
create function plane.needs_another(p_escalation plane.escalations)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_escalation.not_requester is not null then
    return p_escalation.not_requester;
  end if;
  return p_escalation.kind in ('approval', 'policy') and exists (
    select
    from plane.members as m
    where m.org_id = p_escalation.org_id and m.user_id <> p_escalation.requester_id and m.removed_at is null
      and 'approvals:decide' = any (plane.role_scopes(m.role))
      and (p_escalation.assign_to = '[]' or plane.is_assigned(p_escalation.assign_to, to_jsonb(m))));
end;
$$;
