-- Notes in an organisation's audit what the plane did by itself. Called by chores and by the kernel.
create function plane.record_plane_audit(p_org_id uuid, p_action text, p_resource text, p_resource_id text, p_details jsonb default '{}')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into plane.audit_entries (org_id, actor_kind, action, resource, resource_id, details)
  values (p_org_id, 'plane', p_action, p_resource, p_resource_id, coalesce(p_details, '{}'));
end;
$$;
