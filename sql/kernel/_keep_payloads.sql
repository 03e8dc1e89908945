-- Keeps the outputs over 2 kB of a checkpoint's records by their content. In the order of their hashes, so that two never wait crosswise.
create function plane._keep_payloads(p_org_id uuid, p_records jsonb)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into plane.payloads (org_id, hash, body, size)
  select p_org_id, hash, (array_agg(output))[1], max(size)
  from (
    select plane._hash_payload(r -> 'output') as hash, r -> 'output' as output, octet_length((r -> 'output')::text) as size
    from jsonb_array_elements(p_records) as r
    where octet_length((r -> 'output')::text) > 2048
  ) as large
  group by hash
  order by hash
  on conflict do nothing;
$$;
