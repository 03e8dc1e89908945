-- Which records were not written because their path was recorded before, or stands twice among them: an invariant violation.
create function plane._find_conflicts(p_records jsonb, p_written text[])
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select sent.path
    from (
      select r ->> 'path' as path, ord, row_number() over (partition by r ->> 'path' order by ord) as copy
      from jsonb_array_elements(p_records) with ordinality as e (r, ord)
    ) as sent
    where sent.copy > 1 or sent.path <> all (coalesce(p_written, '{}'))
    order by sent.ord);
end;
$$;
