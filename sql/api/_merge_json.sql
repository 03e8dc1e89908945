-- Applies a JSON merge patch (RFC 7396): objects are merged, null removes, all else replaces. Called by merge_state.
create function plane.merge_json(p_target jsonb, p_patch jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_patch) <> 'object' then p_patch
    else (
      select coalesce(jsonb_object_agg(k.key, plane.merge_json(t.old -> k.key, p_patch -> k.key)) filter (
          where jsonb_typeof(p_patch -> k.key) <> 'null'), '{}')
        || (t.old - (select coalesce(array_agg(p.key), '{}') from jsonb_object_keys(p_patch) as p (key)))
      from (select case jsonb_typeof(p_target) when 'object' then p_target else '{}' end as old) as t
      left join lateral jsonb_object_keys(p_patch) as k (key) on true
      group by t.old
    )
  end;
$$;
