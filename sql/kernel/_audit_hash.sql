-- The hash of a resource as the audit keeps it: of its public JSON, salted by the organisation. Null for null.
-- Called by plane.record_audit, as plane_auditor.
create function plane._audit_hash(p_org_id uuid, p_value jsonb)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_salt bytea;
begin
  if p_value is null then
    return null;
  end if;
  select salt into v_salt from plane.audit_salts where org_id = p_org_id;
  if not found then
    insert into plane.audit_salts (org_id) values (p_org_id) on conflict do nothing;
    select salt into v_salt from plane.audit_salts where org_id = p_org_id;
  end if;
  return encode(sha256(v_salt || convert_to(p_value::text, 'UTF8')), 'hex');
end;
$$;
