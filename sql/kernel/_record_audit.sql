-- Notes in the organisation's audit who did what, in the same transaction as what was done.
-- Called by every api verb that changes something, as the caller. p_details: never values of state, inputs or secrets.
-- p_before, p_after: the resource's public JSON; only their hashes are kept.
create function plane.record_audit(
  p_action text, p_resource text, p_resource_id text, p_details jsonb default '{}', p_before jsonb default null, p_after jsonb default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := plane.caller_claims();
begin
  insert into plane.audit_entries
    (org_id, actor_kind, actor_id, action, resource, resource_id, details, before_hash, after_hash)
  values (
    plane.caller_org(),
    case
      when v_claims ->> 'principal' in ('runner', 'person') then v_claims ->> 'principal'
      when v_claims ->> 'key_kind' in ('runner', 'operator') then v_claims ->> 'key_kind'
      else 'api_key'
    end,
    coalesce(plane.caller_person(), (v_claims ->> 'key_id')::uuid),
    p_action, p_resource, p_resource_id, coalesce(p_details, '{}'),
    encode(sha256(convert_to(p_before::text, 'UTF8')), 'hex'), encode(sha256(convert_to(p_after::text, 'UTF8')), 'hex'));
end;
$$;
