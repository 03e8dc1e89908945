-- Goes on with the erasure of a person: one page of one table, from where the last one ended. True: that was the end.
--
-- What stays as it is: workflow texts and large outputs, which are kept by what they hold, and sealed values.
-- Called by gateway.erase_next, as plane_eraser, with the erasure locked.
create function gateway._erase_person(p_erasure plane.erasures, p_limit int)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_kept   constant text[] := '{audit_entries,audit_heads,audit_salts,audit_seals,payloads,workflow_versions}';
  v_marks  constant text[] := p_erasure.names || p_erasure.subject::text;
  v_after  jsonb := p_erasure.place -> 'after';
  v_table  record;
  v_page   record;
  v_set    text;
  v_where  text;
  v_count  bigint := 0;
begin
  select * into v_table
  from gateway._plane_tables()
  where name <> all (c_kept)
    and (name > coalesce(p_erasure.place ->> 'table', '') or (name = p_erasure.place ->> 'table' and v_after is not null and v_after <> 'null'))
  order by name
  limit 1;
  if not found then
    return true;
  end if;
  v_after := case when v_table.name = p_erasure.place ->> 'table' then v_after end;
  select
    string_agg(case when c.is_json
      then format('%1$I = gateway._without_names(t.%1$I, $4, $5, $6)', c.name)
      else format('%1$I = gateway._without_names(to_jsonb(t.%1$I), $4, $5, $6) #>> ''{}''', c.name) end, ', '),
    string_agg(case when c.is_json
      then format('exists (select from unnest($7) as m where position(m in lower(t.%I::text)) > 0)', c.name)
      else format('exists (select from unnest($5) as m where position(m in lower(t.%I)) > 0)', c.name) end, ' or ')
  into v_set, v_where
  from (
    select a.attname as name, a.atttypid = 'jsonb'::regtype as is_json
    from pg_attribute as a
    where a.attrelid = format('plane.%I', v_table.name)::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and a.attname <> 'sealed' and a.attname <> all (v_table.key)
      and (a.atttypid = 'jsonb'::regtype or (a.atttypid = 'text'::regtype and a.attname !~ 'hash|path|token|kind|status|type|queue|frame|owner'))
  ) as c;

  execute format(
    'select count(*) as seen, (array_agg(key))[count(*)] as last from ('
    'select jsonb_build_array(%1$s) as key from plane.%2$I as t where t.%3$I = $1 and %4$s order by %1$s limit $3) as page',
    (select string_agg(format('t.%I', k), ', ' order by n) from unnest(v_table.key) with ordinality as u (k, n)),
    v_table.name, v_table.org_column, gateway._key_range(v_table.key, v_table.types, v_after is not null, false))
  into v_page
  using p_erasure.org_id, v_after, p_limit;
  if v_page.seen > 0 and v_set is not null then
    execute format('update plane.%I as t set %s where t.%I = $1 and %s and (%s)', v_table.name, v_set, v_table.org_column,
      gateway._key_range(v_table.key, v_table.types, v_after is not null, true), v_where)
    using p_erasure.org_id, v_after, v_page.last, p_erasure.subject, p_erasure.names, p_erasure.label, v_marks;
    get diagnostics v_count = row_count;
  end if;
  update plane.erasures
  set
    place = jsonb_build_object('table', v_table.name, 'after', case when v_page.seen = p_limit then v_page.last end),
    row_count = row_count + v_count
  where id = p_erasure.id;
  return false;
end;
$$;
