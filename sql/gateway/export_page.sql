-- A page of everything that the caller's organisation has, or of what names a person: rows of all its tables, one after the other.
--
-- p: {limit, after: {table, key} | null, mentions?: [text]} → {data: [{table, row}], next: {table, key} | null}
-- At most limit rows are looked at; with mentions only those that hold one of the texts are given. What logs somebody in, opens
-- something or salts hashes is left out: hashes of keys and tokens, sealed values.
-- Called by api.export_data. Raises 401, 403 missing_scope.
create function gateway.export_page(p jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_hidden   constant text[] := '{org_id,key_hash,token_hash,sealed,salt,secrets,secret,former_secret}';
  v_org      constant uuid := plane._require_org();
  v_mentions constant text[] := array(select lower(m) from jsonb_array_elements_text(coalesce(p -> 'mentions', '[]')) as m);
  v_left     int := (p ->> 'limit')::int;
  v_after    jsonb := p #> '{after,key}';
  v_data     jsonb := '[]';
  v_table    record;
  v_page     record;
begin
  if not plane.caller_has_scope('data:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope data:manage.', null, '{"scope": "data:manage"}');
  end if;
  for v_table in
    select * from gateway._plane_tables() where name >= coalesce(p #>> '{after,table}', '') and name <> 'audit_salts' order by name
  loop
    v_after := case when v_table.name = p #>> '{after,table}' then v_after end;
    execute format(
      $q$
        with page as (
          select jsonb_build_array(%1$s) as key, to_jsonb(t) - $4 as row
          from plane.%2$I as t
          where t.%3$I = $1 and %4$s
          order by %1$s
          limit $5
        )
        select count(*) as seen, (array_agg(key))[count(*)] as last,
          coalesce(jsonb_agg(jsonb_build_object('table', %2$L, 'row', row)) filter (
            where $6 = '{}' or exists (select from unnest($6) as m where position(m in lower(row::text)) > 0)), '[]') as rows
        from page
      $q$,
      (select string_agg(format('t.%I', k), ', ' order by n) from unnest(v_table.key) with ordinality as u (k, n)),
      v_table.name, v_table.org_column,
      gateway._key_range(v_table.key, v_table.types, v_after is not null and v_after <> 'null', false))
    into v_page
    using v_org, v_after, null::jsonb, c_hidden, v_left, v_mentions;
    v_data := v_data || v_page.rows;
    v_left := v_left - v_page.seen;
    if v_left <= 0 then
      return jsonb_build_object('data', v_data, 'next', jsonb_build_object('table', v_table.name, 'key', v_page.last));
    end if;
  end loop;
  return jsonb_build_object('data', v_data, 'next', null);
end;
$$;

alter function gateway.export_page(jsonb) owner to plane_eraser;
