-- Turns the access token of this transaction into the claims of a member of an organisation, for one verb that they may call.
--
-- Reads request.jwt.claims: what PostgREST verified, or what api.call_with_token was given.
-- p_fn:           a row of gateway.verbs; one of kind user asks for no membership and gets claims without an organisation
-- p_organisation: its id or name; null: the only one that the person is a member of
-- Called by api.call_as_person and api.call_with_token, as whoever is calling.
-- Raises 401 token_invalid, token_expired · 403 not_a_member, missing_scope, wrong_kind · 404 unknown_verb · 409 organisation_required.
create function gateway.authenticate_person(p_fn text, p_organisation text)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_token  constant jsonb := plane.caller_claims();
  v_user   constant uuid := gateway._check_token(v_token);
  v_claims constant jsonb := jsonb_build_object(
    'principal', 'person',
    'user_id', v_user,
    -- An address that Auth calls unconfirmed proves nothing.
    'email', case when v_token -> 'is_anonymous' is distinct from 'true' and v_token -> 'user_metadata' -> 'email_verified' is distinct from 'false'
      then nullif(lower(v_token ->> 'email'), '') end,
    'aal', coalesce(v_token ->> 'aal', 'aal1'),
    'amr', v_token -> 'amr',
    'session_id', v_token ->> 'session_id');
  v_verb   gateway.verbs;
  v_member plane.members;
  v_email  text;
  v_scopes text[];
begin
  select * into v_verb from gateway.verbs where fn = p_fn;
  if not found then
    perform plane.raise_error(404, 'unknown_verb', format('There is no verb %s.', p_fn));
  elsif 'user' = any (v_verb.kinds) then
    return v_claims;
  end if;

  v_member := gateway._find_membership(v_user, nullif(p_organisation, ''));
  v_scopes := plane.role_scopes(v_member.role);
  if 'person' <> all (v_verb.kinds) then
    perform plane.raise_error(403, 'wrong_kind', 'A person may not do this.',
      format('Use a key of kind %s.', array_to_string(v_verb.kinds, ' or ')));
  elsif v_verb.scope <> '' and v_verb.scope <> all (v_scopes) then
    perform plane.raise_error(403, 'missing_scope',
      format('This needs the scope %s, which the role %s does not have.', v_verb.scope, v_member.role),
      'Ask an owner or an admin of the organisation.', jsonb_build_object('scope', v_verb.scope));
  end if;

  v_email := coalesce(v_claims ->> 'email', v_member.email);
  if v_email <> v_member.email or coalesce(v_member.last_seen_at < plane.clock() - interval '5 minutes', true) then
    perform gateway._note_member(v_member, v_email);
  end if;
  return v_claims || jsonb_build_object(
    'org_id', v_member.org_id, 'email', v_email, 'role', v_member.role, 'scopes', v_scopes);
end;
$$;

alter function gateway.authenticate_person(text, text) owner to plane_gateway;
