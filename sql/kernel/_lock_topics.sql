-- Serialises those who open a wait for a name with those who answer by it, so that neither misses the other.
-- Locks: advisory locks in the order of their keys, before any frame.
create function plane._lock_topics(p_topics text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(topic)
  from (select distinct hashtextextended(t, 0) as topic from unnest(p_topics) as t order by topic) as topics;
end;
$$;
