-- Notes in the organisation's audit who did what, in the same transaction as what was done.
-- Called by every api verb that changes something, as the caller. p_details: never values of state, inputs or secrets.
-- p_before, p_after: the resource's public JSON; only their hashes are kept.
-- A definer, because tenants may not write the audit themselves: who did it comes from the claims, never from a parameter.
create function plane.record_audit(
  p_action text, p_resource text, p_resource_id text, p_details jsonb default '{}', p_before jsonb default null, p_after jsonb default null)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims constant jsonb := plane.caller_claims();
  v_org    constant uuid := plane._require_org();
  v_label  constant text := coalesce(v_claims ->> 'email', v_claims ->> 'name');
  v_link   constant uuid := (v_claims ->> 'link_id')::uuid;
begin
  insert into plane.audit_entries
    (org_id, actor_kind, actor_id, action, resource, resource_id, details, before_hash, after_hash, on_behalf, labels, trace_id)
  values (
    v_org,
    case
      when v_link is not null then 'link'
      when v_claims ->> 'principal' in ('runner', 'person') then v_claims ->> 'principal'
      when v_claims ->> 'key_kind' = 'operator' then 'operator'
      else 'api_key'
    end,
    coalesce(v_link, plane.caller_person(), (v_claims ->> 'key_id')::uuid),
    p_action, p_resource, p_resource_id, coalesce(p_details, '{}'),
    plane._audit_hash(v_org, p_before), plane._audit_hash(v_org, p_after),
    case
      when v_link is not null then jsonb_build_object('kind', 'person', 'id', v_claims -> 'user_id')
      when v_claims ->> 'principal' = 'runner' then
        jsonb_build_object('id', v_claims -> 'starter_id', 'execution_id', v_claims -> 'execution_id')
    end,
    case
      when v_link is not null then jsonb_build_object('on_behalf', v_label)
      when v_label is not null then jsonb_build_object('actor', v_label)
    end,
    plane.caller_trace());
end;
$$;

alter function plane.record_audit(text, text, text, jsonb, jsonb, jsonb) owner to plane_auditor;
