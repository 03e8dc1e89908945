-- Raises 409 last_operator_key when no other lasting key of the organisation can manage keys. The caller holds its keys.
create function plane.require_other_manager(p_key plane.api_keys)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if 'keys:manage' = any (p_key.scopes) and p_key.revoked_at is null and not exists (
    select
    from plane.api_keys
    where org_id = p_key.org_id and id <> p_key.id and 'keys:manage' = any (scopes) and revoked_at is null and expires_at is null
  ) then
    perform plane.raise_error(409, 'last_operator_key', 'This is the last lasting key that can manage keys.',
      'Make another operator key first.');
  end if;
end;
$$;
