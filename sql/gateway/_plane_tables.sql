-- The tables that belong to organisations: their keys, and how many tables stand on them. From the catalogue, so none is forgotten.
-- key: the columns of the primary key; types: of these · depth: 0 when no other table refers to it
-- Called by gateway.export_page and gateway.erase_next.
create function gateway._plane_tables()
returns table (name text, org_column text, key text[], types text[], depth int)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive refers as (
    select distinct conrelid as child, confrelid as parent
    from pg_constraint
    where contype = 'f' and connamespace = 'plane'::regnamespace and conrelid <> confrelid
  ),
  depths as (
    select c.oid, 0 as depth from pg_class as c where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r'
    union all
    select r.parent, d.depth + 1 from depths as d join refers as r on r.child = d.oid where d.depth < 20
  )
  select c.relname::text, case when c.relname = 'organisations' then 'id' else 'org_id' end, k.key, k.types,
    (select max(d.depth) from depths as d where d.oid = c.oid)
  from pg_class as c
  cross join lateral (
    select array_agg(a.attname::text order by u.n) as key, array_agg(format_type(a.atttypid, a.atttypmod) order by u.n) as types
    from pg_index as i
    cross join unnest(i.indkey) with ordinality as u (attnum, n)
    join pg_attribute as a on a.attrelid = c.oid and a.attnum = u.attnum
    where i.indrelid = c.oid and i.indisprimary
  ) as k
  where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r' and c.relname <> 'erasures'
    and (c.relname = 'organisations' or exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'org_id'))
  order by 1;
$$;
