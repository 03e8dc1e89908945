-- Makes the rest of the transaction that of an organisation, for what a hook, a trigger or a schedule of it does.
-- What tenants call takes the organisation from the claims; only the kernel's own verbs, which found it in a row, come here.
create function plane._act_for(p_org_id uuid, p_source_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('request.jwt.claims', jsonb_build_object('principal', 'runner', 'org_id', p_org_id, 'key_id', p_source_id,
    'key_kind', 'runner', 'scopes', '[]'::jsonb)::text, true);
end;
$$;
