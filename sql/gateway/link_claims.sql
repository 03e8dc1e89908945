-- Turns the secret of a one-time link into the claims of the member it was sent to, for the escalation that it is about.
--
-- p_token_hash: hex sha256 of the secret; the table holds sha256 of that
-- Called by api.call_public, as whoever is calling.
-- Raises 403 aal2_required · 404 link_not_found · 410 link_expired, link_used, link_revoked, link_closed.
create function gateway.link_claims(p_token_hash text)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_link       plane.escalation_links;
  v_member     plane.members;
  v_escalation plane.escalations;
begin
  select * into v_link
  from plane.escalation_links
  where token_hash = case when p_token_hash ~ '^[0-9a-f]{64}$' then sha256(decode(p_token_hash, 'hex')) end;
  if v_link.id is null then
    perform plane.raise_error(404, 'link_not_found', 'There is no such link.', 'Open it exactly as it stands in the mail, or sign in.');
  end if;
  select * into v_escalation from plane.escalations where id = v_link.escalation_id;
  select * into v_member from plane.members where org_id = v_link.org_id and user_id = v_link.user_id and removed_at is null;
  if v_escalation.decided_at is not null then
    perform plane.raise_error(410, 'link_closed', format('It is %s already%s.', v_escalation.status, coalesce(': ' || v_escalation.outcome, '')),
      'Sign in to see how.', jsonb_build_object('escalation', jsonb_build_object('status', v_escalation.status, 'outcome', v_escalation.outcome)));
  elsif v_link.used_at is not null then
    perform plane.raise_error(410, 'link_used', 'This link was used before.', 'Sign in to see what became of it.');
  elsif v_link.expires_at <= plane.clock() then
    perform plane.raise_error(410, 'link_expired', 'This link has expired.', 'Sign in to answer.');
  elsif v_member.user_id is null or not v_member.may_decide_by_mail then
    perform plane.raise_error(410, 'link_revoked', 'Whoever this link was sent to may not decide by mail any more.', 'Sign in, or ask an admin.');
  elsif v_escalation.needs_aal2 then
    perform plane.raise_error(403, 'aal2_required', 'This needs a sign-in with a second factor.', 'Sign in to answer.');
  end if;
  return jsonb_build_object(
    'principal', 'person',
    'org_id', v_link.org_id,
    'user_id', v_link.user_id,
    'email', v_member.email,
    'role', v_member.role,
    -- Enough for this one answer, and no more than the role has.
    'scopes', array(
      select s from unnest(plane.role_scopes(v_member.role)) as s
      where s in ('escalations:read', 'escalations:write', 'approvals:decide')),
    'aal', 'aal1',
    'session_id', null,
    'link_id', v_link.id,
    'escalation_id', v_link.escalation_id,
    'organisation', (select o.name from plane.organisations as o where o.id = v_link.org_id),
    'expires_at', v_link.expires_at);
end;
$$;

alter function gateway.link_claims(text) owner to plane_gateway;
