-- The name of a payload: sha256 of its text.
create function plane._hash_payload(p_body jsonb)
returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return sha256(convert_to(p_body::text, 'UTF8'));
end;
$$;
