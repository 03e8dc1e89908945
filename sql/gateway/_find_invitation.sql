-- The open invitation of a token, by its hex sha256; the table holds sha256 of that.
-- Called by gateway.show_invitation and gateway.accept_invitation. Raises 404 invitation_not_found.
create function gateway._find_invitation(p_token_hash text)
returns plane.invitations
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_invitation plane.invitations;
begin
  select * into v_invitation
  from plane.invitations
  where token_hash = case when p_token_hash ~ '^[0-9a-f]{64}$' then sha256(decode(p_token_hash, 'hex')) end
    and accepted_at is null and revoked_at is null and expires_at > plane.clock();
  if v_invitation.id is null then
    perform plane.raise_error(404, 'invitation_not_found', 'There is no such invitation, or it was used, taken back or has expired.',
      'Ask who invited you for a new one.');
  end if;
  return v_invitation;
end;
$$;

alter function gateway._find_invitation(text) owner to plane_gateway;
