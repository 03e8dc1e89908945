-- What an organisation has can be exported and erased, whichever table it stands in: every table that belongs to organisations
-- gets the same policy here, so that none is forgotten.
do $$
declare
  v_table text;
begin
  for v_table in
    select c.relname
    from pg_catalog.pg_class as c
    where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r' and c.relname <> 'erasures'
      and (c.relname = 'organisations' or exists (
        select from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attname = 'org_id'))
    order by c.relname
  loop
    execute format('create policy "the eraser exports and erases" on plane.%I for all to plane_eraser using (true) with check (true)', v_table);
  end loop;
end;
$$;
