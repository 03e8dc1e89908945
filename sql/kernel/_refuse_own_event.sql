-- Refuses to publish or signal what only the plane says: that people have decided. Whoever waits for it believes it.
-- Called by plane.publish_event and plane.signal_execution. Raises 422 reserved_event.
create function plane._refuse_own_event(p_name text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name = 'escalation.resolved' then
    perform plane.raise_error(422, 'reserved_event', format('Only the plane itself says %s.', p_name),
      'Resolve the escalation: whoever waits for its answer gets it then. Give an event of your own another name.');
  end if;
end;
$$;
