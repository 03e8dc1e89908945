-- What verify_audit found: {kind, seq, entry_id, message}.
create function plane.audit_problem(p_kind text, p_seq bigint, p_entry_id bigint, p_message text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('kind', p_kind, 'seq', p_seq, 'entry_id', p_entry_id, 'message', p_message);
end;
$$;
