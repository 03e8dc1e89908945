-- Turns a presented key into the claims of this transaction, for one verb that it may call.
--
-- p_key_hash: what the function made of the key (functions/shared/auth/keys.py), 64 hex digits; the table holds sha256 of that, so a
--             leaked row logs nobody in. While the pepper changes: one for each pepper, the current one first, parted by spaces;
--             a key that is found by a later one is kept by the first from then on
-- p_fn:       a row of gateway.verbs; null: the kernel, for keys of kind runner
-- p_signed_by: the public key by which the function has verified the request's signature; null: by none. A key that asks for signatures
--             is refused with its public key in the details, which the function keeps to itself: it verifies, and calls again
-- Called by api.call_with_key and api.kernel_with_key, as whoever is calling.
-- Raises 401 unauthenticated, signature_required · 403 missing_scope, wrong_kind · 404 unknown_verb.
create function gateway.authenticate(p_key_hash text, p_fn text, p_signed_by text default null)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  constant timestamptz := plane.clock();
  v_key  record;
  v_verb gateway.verbs;
begin
  select id, org_id, kind, name, scopes, revoked_at, expires_at, last_used_at, signing_key into v_key
  from plane.api_keys
  where key_hash = case when p_key_hash ~ '^[0-9a-f]{64}( |$)' then sha256(decode(left(p_key_hash, 64), 'hex')) end;
  if v_key.id is null and p_key_hash ~ '^[0-9a-f]{64}( [0-9a-f]{64}){1,3}$' then
    select k.id, k.org_id, k.kind, k.name, k.scopes, k.revoked_at, k.expires_at, null::timestamptz as last_used_at, k.signing_key into v_key
    from unnest(string_to_array(p_key_hash, ' ')) with ordinality as h (hash, place)
    join plane.api_keys as k on k.key_hash = sha256(decode(h.hash, 'hex'))
    order by h.place
    limit 1;
  end if;
  if v_key.id is null or v_key.revoked_at is not null or v_key.expires_at <= v_now then
    perform plane.raise_error(401, 'unauthenticated', 'The API key is unknown, revoked or expired.',
      'Send Authorization: Bearer <key> with a valid key.');
  elsif v_key.signing_key is distinct from p_signed_by and v_key.signing_key is not null then
    perform plane.raise_error(401, 'signature_required', 'Requests with this API key must be signed.',
      'Sign the request with the private key that belongs to it.', jsonb_build_object('signing_key', v_key.signing_key));
  end if;

  if p_fn is null and v_key.kind <> 'runner' then
    perform plane.raise_error(403, 'wrong_kind', 'Only a runner''s key may move executions.',
      'Use the key that create_runner_key made.');
  elsif p_fn is not null then
    select * into v_verb from gateway.verbs where fn = p_fn;
    if not found then
      perform plane.raise_error(404, 'unknown_verb', format('There is no verb %s.', p_fn));
    elsif v_key.kind <> all (v_verb.kinds) then
      perform plane.raise_error(403, 'wrong_kind', format('A key of kind %s may not do this.', v_key.kind),
        case when v_verb.kinds <@ '{user,person}' then 'Sign in, and send the access token: this is for people.'
          else format('Use a key of kind %s.', array_to_string(array_remove(v_verb.kinds, 'person'), ' or ')) end);
    elsif v_verb.scope <> '' and v_verb.scope <> all (v_key.scopes) then
      perform plane.raise_error(403, 'missing_scope', format('This needs the scope %s.', v_verb.scope),
        'Use a key that has it, or ask an operator for one.', jsonb_build_object('scope', v_verb.scope));
    end if;
  end if;

  if coalesce(v_key.last_used_at < v_now - interval '1 minute', true) then
    perform gateway._note_use(v_key.id, left(p_key_hash, 64));
  end if;
  return jsonb_build_object(
    'principal', case v_key.kind when 'runner' then 'runner' else 'api_key' end,
    'org_id', v_key.org_id,
    'key_id', v_key.id,
    'key_kind', v_key.kind,
    'name', v_key.name,
    'scopes', v_key.scopes);
end;
$$;

alter function gateway.authenticate(text, text, text) owner to plane_gateway;
