-- Whether a payload has every field of p_match with an equal value. Null matches everything.
create function plane._has_equal(p_payload jsonb, p_match jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select not exists (
      select
      from jsonb_each(case when jsonb_typeof(p_match) = 'object' then p_match else '{}' end) as m
      where case when jsonb_typeof(p_payload) = 'object' then p_payload -> m.key end is distinct from m.value)
  );
end;
$$;
