-- The text of an entry that is hashed into the chain. Details and labels stand in it by their hash, salted by the entry's nonce,
-- so that they can be erased and the chain still holds.
-- Called by plane.seal_audit and api.verify_audit.
create function plane.seal_text(p_entry plane.audit_entries, p_seq bigint, p_prev text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'v', 1,
    'org', p_entry.org_id,
    'seq', p_seq,
    'prev', p_prev,
    'id', p_entry.id,
    'at', plane.time_text(p_entry.at),
    'actor', jsonb_build_array(p_entry.actor_kind, p_entry.actor_id),
    'on_behalf', p_entry.on_behalf,
    'action', p_entry.action,
    'resource', jsonb_build_array(p_entry.resource, p_entry.resource_id),
    'before', p_entry.before_hash,
    'after', p_entry.after_hash,
    'trace', p_entry.trace_id,
    'more', encode(sha256(convert_to(p_entry.nonce::text || p_entry.details::text || coalesce(p_entry.labels::text, ''), 'UTF8')), 'hex'));
end;
$$;
