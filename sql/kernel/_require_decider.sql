-- Raises 403 missing_scope unless the caller may decide approvals, budgets and unknown steps.
create function plane._require_decider()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not plane.caller_has_scope('approvals:decide') then
    perform plane.raise_error(403, 'missing_scope', 'Deciding needs the scope approvals:decide.',
      'Ask an operator to decide, or use a key that may.', jsonb_build_object('scope', 'approvals:decide'));
  end if;
end;
$$;
