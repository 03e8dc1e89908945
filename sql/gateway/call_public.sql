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
declare
  v_claims jsonb;
begin
  perform set_config('request.jwt.claims', '', true);
  case verb
    when 'show_invitation' then return gateway.show_invitation(payload);
    when 'open_link' then
      v_claims := gateway.link_claims(payload ->> 'token_hash');
      perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
      return jsonb_build_object(
        'escalation', api.get_escalation(jsonb_build_object('id', v_claims -> 'escalation_id')),
        'email', v_claims -> 'email', 'organisation', v_claims -> 'organisation', 'expires_at', v_claims -> 'expires_at');
    when 'answer_link' then
      v_claims := gateway.link_claims(payload ->> 'token_hash');
      perform set_config('request.jwt.claims', v_claims::text, true), set_config('role', 'authenticated', true);
      perform plane.use_link();
      return api.resolve_escalation(payload - 'token_hash' || jsonb_build_object('id', v_claims -> 'escalation_id'));
    else return gateway.refuse_public(verb);
  end case;
end;
$$;
