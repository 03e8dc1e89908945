-- An entry of the audit as the API answers it. on_behalf_of.kind of a step's starter is told by what its id is.
create function plane.audit_json(p_entry plane.audit_entries)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'id', p_entry.id,
    'seq', p_entry.seq,
    'at', p_entry.at,
    'actor', jsonb_build_object(
      'kind', p_entry.actor_kind, 'id', p_entry.actor_id,
      'label', p_entry.labels ->> 'actor'),
    'on_behalf_of', case when p_entry.on_behalf is not null then jsonb_build_object(
      'kind', coalesce(p_entry.on_behalf ->> 'kind', case when exists (
        select from plane.api_keys as k where k.org_id = p_entry.org_id and k.id = (p_entry.on_behalf ->> 'id')::uuid
      ) then 'api_key' else 'person' end),
      'id', p_entry.on_behalf -> 'id',
      'label', p_entry.labels ->> 'on_behalf',
      'execution_id', p_entry.on_behalf -> 'execution_id') end,
    'action', p_entry.action,
    'resource', p_entry.resource,
    'resource_id', p_entry.resource_id,
    'details', p_entry.details,
    'before_hash', p_entry.before_hash,
    'after_hash', p_entry.after_hash,
    'trace_id', p_entry.trace_id,
    'is_erased', p_entry.erased_in is not null);
end;
$$;
