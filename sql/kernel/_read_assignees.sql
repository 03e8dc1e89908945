-- Whom something is assigned to, as escalations keep it: [{user_id} | {email} | {role}].
-- p: one or a list of these objects, or of texts: an e-mail address, a user's id, or role:<role>.
-- What names nobody is kept as an address: it must not make a question everybody's.
create function plane._read_assignees(p jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select jsonb_agg(
      case
        when jsonb_typeof(a) = 'object' and a ? 'email' then jsonb_build_object('email', lower(a ->> 'email'))
        when jsonb_typeof(a) = 'object' then a
        when t like 'role:%' then jsonb_build_object('role', substr(t, 6))
        when t ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then jsonb_build_object('user_id', lower(t))
        else jsonb_build_object('email', lower(t))
      end)
    from jsonb_array_elements(
      case jsonb_typeof(p) when 'array' then p when 'object' then jsonb_build_array(p) when 'string' then jsonb_build_array(p) else '[]' end) as a,
      lateral (select trim(a #>> '{}') as t) as as_text
  ), '[]');
end;
$$;
