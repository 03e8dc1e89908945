-- Begins to read the caller's organisation's events for a reader, unless it does already, and answers from which transaction on.
--
-- What commits after the caller's transaction is never missed; what committed a moment before may be read too.
-- Locks: the feed, so that nobody ends it meanwhile.
create function plane.listen(p_reader text)
returns xid8
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  insert into plane.event_feeds (org_id, reader, xid)
  values (plane.caller_org(), p_reader, v_since)
  on conflict (org_id, reader) do update set reader = excluded.reader;
  return v_since;
end;
$$;
