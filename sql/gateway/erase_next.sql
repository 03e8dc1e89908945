-- Goes on with the oldest erasure that nobody works on, by one page. A kernel verb, called by the chore, any number at once.
-- p: {limit?: 1000} → {more}
create function gateway.erase_next(p jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   constant int := coalesce((p ->> 'limit')::int, 1000);
  v_erasure plane.erasures;
  v_is_done boolean;
begin
  select * into v_erasure
  from plane.erasures
  where finished_at is null
  order by requested_at
  limit 1
  for update skip locked;
  if not found then
    return '{"more": false}';
  end if;
  v_is_done := case v_erasure.kind
    when 'person' then gateway._erase_person(v_erasure, v_limit)
    else gateway._erase_organisation(v_erasure, v_limit) end;
  if v_is_done then
    update plane.erasures set finished_at = plane.clock(), names = '{}', place = null where id = v_erasure.id;
  end if;
  return '{"more": true}';
end;
$$;

alter function gateway.erase_next(jsonb) owner to plane_eraser;
