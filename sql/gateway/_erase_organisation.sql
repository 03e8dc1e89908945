-- Goes on with the erasure of an organisation: deletes up to p_limit rows, of tables before those that they refer to.
-- True: nothing is left, not even the organisation. Called by gateway.erase_next, as plane_eraser, with the erasure locked.
create function gateway._erase_organisation(p_erasure plane.erasures, p_limit int)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left  int := p_limit;
  v_count int;
  v_table record;
begin
  for v_table in select * from gateway._plane_tables() order by depth, name loop
    execute format('delete from plane.%1$I where ctid = any (array(select ctid from plane.%1$I where %2$I = $1 limit $2))',
      v_table.name, v_table.org_column)
    using p_erasure.org_id, v_left;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
    exit when v_left <= 0;
  end loop;
  update plane.erasures set row_count = row_count + p_limit - v_left where id = p_erasure.id;
  return v_left > 0;
end;
$$;
