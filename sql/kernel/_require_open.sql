-- Raises 409 escalation_closed, with how it ended, unless an escalation is open.
create function plane._require_open(p_escalation plane.escalations)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_escalation.decided_at is null then
    return;
  end if;
  perform plane.raise_error(409, 'escalation_closed',
    format('It is %s already%s.', p_escalation.status, coalesce(': ' || p_escalation.outcome, '')), 'Read it to see how.',
    jsonb_build_object('escalation', jsonb_build_object(
      'status', p_escalation.status, 'outcome', p_escalation.outcome, 'decided_by', p_escalation.decided_by)));
end;
$$;
