-- The door for who has not signed in: a static list of what a secret in the payload is enough for.
-- Each function here is a definer of the gateway's, or does as api.call_with_key does: it checks the secret before anything else.
-- Raises 404 unknown_verb, and what the function raises.
create function api.call_public(verb text, payload jsonb default '{}')
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set statement_timeout = '8s'
set lock_timeout = '2s'
as $$
begin
  perform set_config('request.jwt.claims', '', true);
  case verb
    when 'show_invitation' then return gateway.show_invitation(payload);
    else return gateway.refuse_public(verb);
  end case;
end;
$$;
