-- A positive amount in USD, as number or text. Raises 422 invalid_amount.
create function plane._read_amount(p_amount jsonb)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_amount #>> '{}' ~ '^\d{1,9}(\.\d{1,9})?$' and (p_amount #>> '{}')::numeric > 0 then
    return (p_amount #>> '{}')::numeric;
  end if;
  perform plane.raise_error(422, 'invalid_amount', 'A grant needs a positive amount in USD.', 'Send {"form": {"usd": "1.50"}}.',
    '{"errors": [{"pointer": "/payload/form/usd", "code": "invalid_amount", "message": "not a positive amount"}]}');
end;
$$;
