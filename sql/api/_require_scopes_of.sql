-- Raises 403 scope_not_held unless the caller has all these scopes: nobody gives, renews or prolongs what they do not have.
-- p_pointer: where each of them stands in the request; null: nowhere
create function plane.require_scopes_of(p_scopes text[], p_pointer text default '/scopes')
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lacks constant text[] := array(select s from unnest(p_scopes) as s where not plane.caller_has_scope(s));
begin
  if v_lacks <> '{}' then
    perform plane.raise_error(403, 'scope_not_held',
      format('You lack %s, so you cannot give it.', array_to_string(v_lacks, ', ')),
      'Leave these scopes out, or ask somebody who has them.',
      jsonb_build_object('scope', v_lacks[1]) || case when p_pointer is null then '{}' else jsonb_build_object('errors', (
        select jsonb_agg(jsonb_build_object('pointer', p_pointer || '/' || (array_position(p_scopes, s) - 1), 'code', 'scope_not_held',
          'message', format('You lack the scope %s.', s)))
        from unnest(v_lacks) as s)) end);
  end if;
end;
$$;
