-- What is wrong with a seal whose hash was kept elsewhere; null when it is the same still. Called by api.verify_audit.
create function plane.known_seal(p_seq bigint, p_known text, p_hash text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_hash is null then
    return plane.audit_problem('removed', p_seq, null, format('The chain had %s entries and does not reach there any more.', p_seq));
  elsif p_known is not null and p_hash <> p_known then
    return plane.audit_problem('changed', p_seq, null,
      format('Entry %s, or one before it, has another hash than the one that was kept.', p_seq));
  end if;
  return null;
end;
$$;
