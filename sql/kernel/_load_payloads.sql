-- Bodies of large outputs, in the order asked for, until 4 MB; at least one.
create function plane._load_payloads(p_org_id uuid, p_refs jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with asked as (
    select ref, sum(s.size) over (order by ord) - s.size < 4194304 as fits
    from jsonb_array_elements_text(p_refs) with ordinality as r (ref, ord)
    join plane.payloads as s on s.org_id = p_org_id and s.hash = decode(ref, 'hex')
  )
  select jsonb_build_object(
    'ok', true,
    'payloads', coalesce(jsonb_object_agg(asked.ref, p.body) filter (where asked.fits), '{}'),
    'more', coalesce(bool_or(not asked.fits), false))
  from asked
  left join plane.payloads as p on asked.fits and p.org_id = p_org_id and p.hash = decode(asked.ref, 'hex');
$$;
