-- Refuses who may not decide a wait of this kind: an approval is a person's to decide; a budget and a lost step are an operator key's too.
-- Called by plane._signal_wait and plane._decide_budget. Raises 403 people_only, missing_scope.
create function plane._require_decider(p_kind text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_kind not in ('budget', 'unknown') then
    perform plane.require_person('approvals:decide');
  elsif not plane.caller_has_scope('approvals:decide') then
    perform plane.raise_error(403, 'missing_scope', 'Deciding needs the scope approvals:decide.',
      'Ask an operator to decide, or use a key that may.', jsonb_build_object('scope', 'approvals:decide'));
  end if;
end;
$$;
