-- Closes what others were asked for a wait that was closed in this transaction: people, or the agent that it was handed to.
create function plane._close_asked(p_wait plane.waits)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_wait.kind = 'handoff' then
    perform plane._close_handoff_of(p_wait);
  elsif p_wait.kind in ('approval', 'budget', 'unknown') then
    perform plane._close_escalation_of(p_wait);
  end if;
end;
$$;
