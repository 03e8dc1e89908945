-- The trace id of the request that this transaction belongs to: what the direct path set, else PostgREST's header. Null: none.
create function plane.caller_trace()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return substring(
    coalesce(
      nullif(current_setting('plane.trace_id', true), ''),
      nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-trace-id')
    from '^[0-9A-Za-z-]{1,64}$');
end;
$$;
