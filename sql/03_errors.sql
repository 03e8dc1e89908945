-- Raises an error that both adapters understand: SQLSTATE PT<status>, the code and extras as JSON in DETAIL.
--
-- p_status: an HTTP status (400, 401, 402, 403, 404, 409, 410, 412, 413, 422, 429, 503)
-- p_code:   stable, snake_case; functions/shared/errors.py branches on it
-- p_extra:  more members for the problem document, for example {"errors": [{"pointer", "code", "message", "hint"}]}
create function plane.raise_error(p_status int, p_code text, p_message text, p_hint text default null, p_extra jsonb default '{}')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PT' || p_status,
    message = p_message,
    detail = (jsonb_build_object('code', p_code) || p_extra)::text,
    hint = coalesce(p_hint, '');
end;
$$;
